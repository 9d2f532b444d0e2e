# The front door. Everything that is missing is installed first, see scripts/install.sh.
.PHONY: build install run test test-sanitizers bench format lint clean help

build: install                  ## build the libraries, the program build/kiln, the Python package and the tests
	@scripts/build.sh release

install:                        ## install the Debian packages and the Python environment that are missing
	@scripts/install.sh

run:                            ## build the program, then read the text and find the objects in pictures
	@scripts/install.sh program
	@scripts/build.sh program kiln_cli
	@scripts/run_demo.sh

test: build                     ## build and run all tests
	@scripts/fetch_ocr_models.sh
	@scripts/test.sh build

test-sanitizers: install        ## the tests under sanitizers, and the fuzz targets
	@scripts/test_sanitizers.sh

bench: install                  ## build and run the micro-benchmarks
	@scripts/bench.sh

format: install                 ## format all C++ sources
	@git ls-files -z --cached --others --exclude-standard '*.cpp' '*.hpp' '*.h' | xargs -0 -r clang-format -i

lint: build                     ## check the format and run clang-tidy
	@scripts/lint.sh

clean:                          ## remove everything built, and the Python environment
	rm -rf build build-* .venv dist .pytest_cache

help:                           ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18
