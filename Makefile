# The face of the build: each target is a few calls, the work is done in tools/, by
# CMake and by spec/run. Whatever a target needs from Debian it installs when missing.

.PHONY: help run build test asan soak bench docs lint format check fresh
.NOTPARALLEL:

help:
	@echo 'make run      build Candy and start it (RUN_ARGS="--port 0" passes flags on)'
	@echo 'make build    build build/candy'
	@echo 'make test     build, run the specs (ONLY=http: those with http in their path)'
	@echo 'make asan     the same under AddressSanitizer and UBSan, in build-asan/'
	@echo 'make soak     half an hour of load and kills (SOAK_SECONDS=120: two minutes)'
	@echo 'make bench    measure build/candy and its peers (BENCH_ARGS="--quick --no-peers")'
	@echo 'make docs     make the Lua reference from the comments of the library'
	@echo 'make lint     formatting, clang-tidy, gcc -Werror, luacheck'
	@echo 'make format   format all C files in place'
	@echo 'make check    lint and test: what to run before a commit'
	@echo 'make fresh    prove make run and make test in a bare Debian root (as root)'

# What this target itself says goes to standard error: standard output is Candy's.
run:
	@tools/need run >&2
	@tools/build release >&2
	@exec build/candy run $(RUN_ARGS)

build:
	@tools/need run
	@tools/build release

test:
	@tools/need run test
	@tools/build release
	@spec/run $(ONLY)

asan:
	@tools/need run test
	@tools/build asan
	@tools/asan $(ONLY)

soak:
	@tools/need run test
	@tools/build release
	@tools/soak

bench:
	@tools/need run bench
	@tools/build release
	@bench/run $(BENCH_ARGS)

docs:
	@tools/need docs
	@tools/luadoc

lint:
	@tools/need run lint
	@tools/lint

format:
	@tools/need lint
	@tools/sources | xargs clang-format -i

check: lint test

fresh:
	@tools/fresh
