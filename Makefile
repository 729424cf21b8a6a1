# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
#
# Every target does the set-up it needs, once, under build/; nothing outside this folder changes.

PYTHON ?= python3
STATION ?= loop_evs32a
BOARD ?= pico_lte

# Temporary files are inside as well; set-up makes the folder.
export TMPDIR := $(CURDIR)/build/tmp

VENV := build/venv/bin
BENCH := PYTHONPATH=tools $(VENV)/python -m
INSTALL := PYTHONPATH=tools:firmware:. $(VENV)/python -m install
# pyright would ask the network for a newer release of itself.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help run demo test check conformance bench heap wear outbox-bench soak power-cut bit-rot footprint image emulate emulate-bench emulate-soak guard-bench list-bench schedule-bench fmt setup clean
.PHONY: schedule schedule-pages selftest wiring
.PHONY: flash package configure image-here set-up-install
.PHONY: set-up-run set-up-test set-up-check set-up-image set-up-emulate set-up-schedule

help:
	@echo "make run        a CSMS and a simulated charger, with a prompt (STATION=loop_evs32a, or another of boards/sim)"
	@echo "make demo       one whole charging session, without a prompt"
	@echo "make test       all tests; the last line is their count"
	@echo "make check      ruff and pyright"
	@echo "make conformance  cases with every station, report in build/conformance; CONFORMANCE='TC_003 TC_012'"
	@echo "make bench      latencies beside a charge point written with the CPython library ocpp"
	@echo "make selftest   test a charger over its console, PORT=/dev/ttyACM0, and write the page to keep; CONTACTOR=yes"
	@echo "make heap       heap after boot, while charging, and over 10,000 messages"
	@echo "make schedule   charging profiles and what they come to, as a chart, FILE=tools/bench/examples/schedules/night-tariff.json"
	@echo "make schedule-pages  the charts and tables of docs/smart-charging-examples.md"
	@echo "make wiring     the drawing and the table of each board's wires, from its board.py, and docs/parts.md"
	@echo "make soak       2,000 transactions with power cuts, link drops, a CSMS that fails; SOAK='--seed 7'"
	@echo "make wear       flash erases of a transaction, and how many years the flash lasts; WEAR='--days 20'"
	@echo "make outbox-bench  1,000 offline transactions on 1 MB of flash, stored and drained"
	@echo "make footprint  what the code costs in flash and heap"
	@echo "make power-cut  a charger's life, the power cut at each of its flash operations"
	@echo "make bit-rot    a charger's files damaged at each of their bytes; flash full, read-only, failing"
	@echo "make emulate    the tests of the emulated board, with the image that make image makes"
	@echo "make emulate-bench  the image over LTE and TLS: answers, start, handshake, heap, erases; EMULATE_BENCH='--calls 10'"
	@echo "make emulate-soak  cars with troubles on the emulated board, an hour; EMULATE_SOAK='--sessions 5 --seed 7'"
	@echo "make image      the firmware for a real board, BOARD=pico_lte, and what it costs in flash and heap"
	@echo "make flash      the firmware onto a board with official MicroPython, BOARD=esp32_devkit PORT=/dev/ttyUSB0; FORCE=yes"
	@echo "make package    the same as a package for mpremote mip install, BOARD=esp32_devkit"
	@echo "make configure  CSMS, identity, Wi-Fi, key of a board, asked for or from a file, PORT=/dev/ttyUSB0; FILE=mine.json FORCE=yes"
	@echo "make guard-bench  how fast the contactor opens in emulated RP2040 time, whatever else goes on; GUARD_BENCH='--times 20 idle'"
	@echo "make list-bench  1,000 entries of a local list sent while a car charges, and looked up, in emulated RP2040 time"
	@echo "make schedule-bench  composite schedules of 10 charging profiles of 32 periods, in emulated RP2040 time; SCHEDULE_BENCH='--seed 3'"
	@echo "make fmt        format the sources, mend what ruff can mend"
	@echo "make setup      the set-up of all of the above, and nothing else"
	@echo "make clean      remove what was built and fetched"

run: set-up-run
	@$(BENCH) bench.desk.console --station $(STATION)

demo: set-up-run
	@$(BENCH) bench.desk.console --station $(STATION) --demo

# --dist loadfile: the tests of one file run one after the other, on one worker; which file when and where:
# host_tests/scheduling.py. Two workers compute, the third has the files that wait. How long each took: build/tests.xml.
test: set-up-test
	@$(VENV)/python -m pytest host_tests -n 3 --dist loadfile --no-loadscope-reorder \
		--junitxml=build/tests.xml -o junit_duration_report=call

# All of them, also when the first finds something.
CHECKS := "ruff check ." "ruff format --check ." "pyright" "pyright -p pyrightconfig.esp32.json" \
	"pyright -p pyrightconfig.rp2.json" "pyright -p tools/pyrightconfig.json"
check: set-up-check
	@failed=; \
	for check in $(CHECKS); do \
		echo "$$check"; \
		$(VENV)/$$check || failed=yes; \
	done; \
	[ -z "$$failed" ]

conformance: set-up-run
	@$(BENCH) bench conformance --report build/conformance $(CONFORMANCE)

bench: set-up-run
	@$(BENCH) bench.speed

selftest: set-up-run
	@PYTHONPATH=tools:. $(VENV)/python -m selftest --port "$(PORT)" --station $(STATION) --contactor $(or $(CONTACTOR),ask)

heap: set-up-run
	@$(BENCH) bench.heap

schedule: set-up-schedule
	@$(BENCH) bench schedule $(FILE) $(SCHEDULE)

schedule-pages: set-up-schedule
	@$(BENCH) bench.schedule.pages

wiring: set-up-run
	@PYTHONPATH=tools:firmware $(VENV)/python -m wiring

soak: set-up-run
	@$(BENCH) bench.soak $(SOAK)

wear: set-up-run
	@$(BENCH) flash.wear $(WEAR)

outbox-bench: set-up-run
	@$(BENCH) flash.outbox_bench $(OUTBOX_BENCH)

footprint: set-up-run
	@PYTHONPATH=tools $(VENV)/python -m toolchain.footprint

power-cut: set-up-run
	@$(BENCH) flash.power_cut

bit-rot: set-up-run
	@$(BENCH) flash.power_cut --rot --trouble

# Of a board that is not built here a page says where it is, with exit code 3.
image:
	@PYTHONPATH=tools:firmware:. $(PYTHON) -m image.page $(BOARD); told=$$?; \
	if [ $$told -eq 0 ]; then $(MAKE) --no-print-directory image-here; else [ $$told -eq 3 ]; fi

# Without an emulator there is an image all the same; only its heap is not measured.
image-here: set-up-image
	@$(PYTHON) tools/toolchain emulate || true
	@PYTHONPATH=tools:firmware $(VENV)/python -m toolchain.board_check $(BOARD)
	@$(BENCH) image.build $(BOARD)

flash: set-up-install
	@$(INSTALL).flash $(BOARD) --port "$(PORT)" $(if $(FORCE),--force)

package: set-up-install
	@$(INSTALL).package $(BOARD)

# Secrets are asked for, or are in FILE: never among these arguments.
configure: set-up-install
	@$(INSTALL).configure --port "$(PORT)" $(if $(FILE),--file "$(FILE)") $(if $(FORCE),--force)

# The image is made first. Not part of `make test`, which needs no compiler for ARM.
emulate: image set-up-emulate
	@$(VENV)/python -m pytest host_tests/emulator -n 2 --dist loadfile

emulate-bench: image
	@$(BENCH) emulator.bench $(EMULATE_BENCH)

emulate-soak: image
	@$(BENCH) emulator.soak $(EMULATE_SOAK)

guard-bench: image
	@$(BENCH) emulator.guard_bench $(GUARD_BENCH)

list-bench: image
	@$(BENCH) emulator.list_bench $(LIST_BENCH)

schedule-bench: image
	@$(BENCH) emulator.schedule_bench $(SCHEDULE_BENCH)

fmt: set-up-check
	$(VENV)/ruff check --fix-only --quiet .
	$(VENV)/ruff format .

setup: set-up-check set-up-image set-up-emulate

set-up-run set-up-test set-up-check set-up-image set-up-emulate set-up-schedule set-up-install:
	@$(PYTHON) tools/toolchain $(@:set-up-%=%)

clean:
	rm -rf build .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
