# Measurements (perf/README.md). Every program of perf/ is built with the rest, so that it stays
# true to the code that it measures.
PERF := $(BUILD)/perf/bin
# gather speaks to ipsec-mb itself.
MICRO := $(patsubst perf/micro/%.c,$(PERF)/%,$(filter-out $(if $(IPSECMB),,perf/micro/gather.c),$(wildcard perf/micro/*.c)))
PERF_PROGRAMS := $(MICRO) $(PERF)/relay $(PERF)/certs
all: $(PERF_PROGRAMS)

$(PERF)/relay: $(call objects,perf/micro/relay) $(call archive,dataplane/base)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -luring

$(PERF)/certs: $(call objects,perf/certs) $(call archive,dataplane/base)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lcrypto

$(PERF)/%: $(BUILD)/perf/micro/%.o $(foreach f,$(LIBS_dataplane),$(call archive,$(f)))
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYS_dataplane)

# What single operations cost on this machine: the floors.
.PHONY: perf-micro
perf-micro:
	@tests/deps build run
	@$(MAKE) --no-print-directory -j2 all
	@perf/micro/run

# The ktls engine beside others in a guest whose kernel has TLS.
.PHONY: perf-guest
perf-guest:
	@tests/deps build run vm
	@perf/compare/guest

# Penstock beside HAProxy, nginx stream, hitch and stunnel.
.PHONY: perf
perf:
	@tests/deps build run perf
	@$(MAKE) --no-print-directory -j2 all
	@perf/compare/run
