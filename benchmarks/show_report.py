"""Show the report of the shipped network, the documentation, and the installation (topic: report).

    python benchmarks/show_report.py            # all of it, some minutes
    python benchmarks/show_report.py --quick    # what ends within a minute: fewer results on the page
    python benchmarks/show_report.py --part browser
    python benchmarks/show_report.py --part tutorial    # docs/start/tutorial.md alone, in an empty folder
    python benchmarks/show_report.py --part docs        # blocks of all pages; the site, in a browser too

Prints what, figure, bar and "holds" or "FALLS SHORT"; exit status 1 if any falls short. The browser is an installed
Chromium, driven by Playwright (`sh bootstrap.sh test browser`); axe-core is fetched by npm into a temporary folder.
Part `install` builds source archive and wheel (`sh bootstrap.sh release`) and installs them on each of
python3.11, 3.12 and 3.13 that is there, or on those of RESONET_PYTHONS.
"""

from _show import run_parts

PARTS = ("page", "browser", "view", "tutorial", "docs", "install")

if __name__ == "__main__":
    run_parts(str(__doc__), "_report_", PARTS, "plotly", "jinja2", "numpy")
