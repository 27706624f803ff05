# A short front door: everything is in CMakeLists.txt, CMakePresets.json and scripts/.
PRESET ?= release

.PHONY: all bench bench-full test test-asan format clean

all: build/.setup
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET)

# Debian packages and .venv, once for each state of what asks for them; without a network when they are there.
build/.setup: scripts/setup requirements.txt
	@scripts/setup
	@mkdir -p build && touch $@

bench bench-full: all
	@clients/record.py build/bench.db build/bench.catrace
	@build/caplay bench --profile $(if $(filter bench-full,$@),full,quick) --output report \
	    --server ioc:build/bench.db --server replay:build/bench.catrace --server sim:ten-thousand

test: all
	@ctest --preset $(PRESET)

test-asan: build/.setup
	@$(MAKE) --no-print-directory PRESET=asan test

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf build build-asan
