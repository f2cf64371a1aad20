# The short ways in.  Meson does the work; 'make help' lists what there is.
BUILD ?= build
DESTDIR ?=
PREFIX ?= /usr/local
export PPROFC_BUILD_DIR = $(BUILD)
# Where Debian's linker looks; Meson guesses lib64 on a Debian without dpkg-dev.
MULTIARCH = $(shell gcc -print-multiarch 2>/dev/null)
LIBDIR ?= $(if $(MULTIARCH),lib/$(MULTIARCH))
INSTALL_OPTIONS = -Dprefix=$(PREFIX) $(if $(LIBDIR),-Dlibdir=$(LIBDIR)) -Dtests=false
SANITIZE = -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized
SOURCES = $(shell git ls-files --cached --others --exclude-standard 'src/*.[ch]' 'include/*.h' 'include/*.hpp' 'tests/*.[ch]' 'examples/*.[ch]' 'examples/*.cpp' 'bench/*.[ch]')

.PHONY: all help check asan asan-hazards tsan lint fmt bench fuzz fuzz-http install uninstall clean

all: ## build the libraries and the command in $(BUILD)
	@scripts/build $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

check: all ## run every test (make check ARGS="-k NAME" for some)
	@tests/run $(ARGS)

asan: ## unit tests under the address and undefined-behaviour sanitizers
	@scripts/build $(BUILD)-asan $(SANITIZE)
	@PPROFC_BUILD_DIR=$(BUILD)-asan tests/run --suite unit $(ARGS)

asan-hazards: ## the hazards with our library sanitized (ARGS=--long: in full; ARGS="--part 0/3": a third)
	@scripts/build $(BUILD)-asan $(SANITIZE)
	@PPROFC_BUILD_DIR=$(BUILD)-asan tests/run $(ARGS) tests/hazards

tsan: ## unit tests under the thread sanitizer
	@scripts/build $(BUILD)-tsan -Db_sanitize=thread -Db_lundef=false
	@PPROFC_BUILD_DIR=$(BUILD)-tsan tests/run --suite unit $(ARGS)

lint: all ## includes, handlers, style, exports
	@tests/run tests/lint

fmt: ## rewrite the sources as clang-format wants them
	@clang-format -i $(SOURCES)

bench: all ## the table of ratios
	@bench/run $(ARGS)

fuzz: ## every fuzzer for FUZZ_SECONDS (default 10)
	@tests/fuzz/run $(or $(FUZZ_SECONDS),10)

fuzz-http: all ## mutated requests to a sanitized server for FUZZ_SECONDS (default 3600), by FUZZ_SEED
	@scripts/build $(BUILD)-asan $(SANITIZE)
	@tests/fuzz/fuzz_http.py $(BUILD) $(BUILD)-asan $(or $(FUZZ_SECONDS),3600) $(FUZZ_SEED)

install: ## install to $(DESTDIR)$(PREFIX)
	@[ ! -f $(BUILD)-install/build.ninja ] || meson configure $(BUILD)-install $(INSTALL_OPTIONS)
	@scripts/build $(BUILD)-install $(INSTALL_OPTIONS)
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD)-install --no-rebuild --quiet
	@echo "install: $(DESTDIR)$(PREFIX)/bin/pprofc and what belongs to it; make uninstall removes the same files"
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

uninstall: ## remove what the last 'make install' put there
	@[ -f $(BUILD)-install/meson-logs/install-log.txt ] || \
	    { echo "uninstall: nothing was installed from $(BUILD)-install; run make install, or remove the files by hand" >&2; exit 1; }
	@ninja -C $(BUILD)-install uninstall >/dev/null
	@echo "uninstall: removed"
	@[ -n "$(DESTDIR)" ] || [ "$$(id -u)" -ne 0 ] || ldconfig

clean: ## remove all builds
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-install
