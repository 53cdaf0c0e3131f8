"use strict";
resonetPlots.collect(document);
resonetPlots.drawAll();
