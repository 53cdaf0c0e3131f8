"""Show the report of the shipped network, and the documentation (topic: report): what stands there, in a browser too.

    python benchmarks/show_report.py            # all of it, some minutes
    python benchmarks/show_report.py --quick    # what ends within a minute: fewer results on the page
    python benchmarks/show_report.py --part browser
    python benchmarks/show_report.py --part tutorial    # docs/start/tutorial.md alone, in an empty folder
    python benchmarks/show_report.py --part docs        # blocks of all pages; the site, in a browser too

Prints what, figure, bar and "holds" or "FALLS SHORT"; exit status 1 if any falls short. The browser is an installed
Chromium, driven by Playwright (`sh bootstrap.sh test browser`); axe-core is fetched by npm into a temporary folder.
"""

from _show import run_parts

PARTS = ("page", "browser", "tutorial", "docs")

if __name__ == "__main__":
    run_parts(str(__doc__), "_report_", PARTS, "plotly", "jinja2", "numpy")
