"""What is no physics and everybody needs: errors, parameters with units, files, types of arrays, plug-ins."""
