# A short front door: everything is in CMakeLists.txt, CMakePresets.json and scripts/.
PRESET ?= release
BUILD = build$(patsubst release,,$(PRESET:asan=-asan))
PROFILE = quick
RECORD_full = --both-images
FUZZ_SECONDS = 60
GB = 100

.PHONY: all setup bench bench-full perf test test-asan coverage fuzz hostile mangle flat memory format clean

all: setup
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET)

# Debian packages and .venv; touches no network when they are there.
setup:
	@scripts/setup

# Record a real IOC, then measure every client on it, on its replay and on the synthesized server.
bench: all
	@build/libexec/record.py $(RECORD_$(PROFILE)) build/bench.db build/bench.catrace
	@build/caplay bench --profile $(PROFILE) --output report \
	    --server ioc:build/bench.db --server replay:build/bench.catrace --server sim; code=$$?; \
	build/caplay doctor --json >report/doctor.json; \
	build/caplay report report/bench.json --doctor report/doctor.json -o report && exit $$code

bench-full:
	@$(MAKE) --no-print-directory bench PROFILE=full

# Our server beside a real IOC and beside what the bare machine can do; PERF=--quick is shorter, PERF='--row get' is one row.
perf: all
	@.venv/bin/python build/libexec/perf.py $(PERF)

test: all
	@ctest --preset $(PRESET) --parallel 2 $(CTEST)

test-asan:
	@$(MAKE) --no-print-directory test PRESET=asan

# Lines of the circuit core that unit tests and dialogues reach; fails where a file stays under 95 %.
coverage: setup
	@scripts/coverage

# libFuzzer targets (clang): FUZZ_SECONDS in all.
fuzz:
	@scripts/fuzz $(FUZZ_SECONDS)

# What hostile clients cost the others, beside a real IOC (6 minutes).
hostile: all
	@.venv/bin/python build/libexec/hostile.py

# 10^4 damaged captures, decoded under sanitizers: nothing is made up, nothing is lost in silence (2 minutes).
mangle:
	@$(MAKE) --no-print-directory all PRESET=asan
	@build-asan/tests/test_mangled 10000

# 10^9 x GB bytes of packets are captured, and memory does not grow (for 100: some minutes, and 20 GB in $TMPDIR or /tmp).
flat: all
	@$(BUILD)/tests/test_flat $(GB)000000000

# What a circuit, a channel and a subscription cost in memory, beside a real IOC.
memory: all
	@.venv/bin/python build/libexec/memory.py

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	@rm -rf build build-asan build-fuzz build-coverage
