# Measurements. `make perf-micro`: what single operations cost on this machine.
MICRO := $(patsubst perf/micro/%.c,$(BUILD)/micro/%,$(wildcard perf/micro/*.c))

$(BUILD)/micro/%: $(BUILD)/perf/micro/%.o $(foreach f,$(LIBS_dataplane),$(call archive,$(f)))
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYS_dataplane)

.PHONY: perf-micro
perf-micro: $(MICRO)
	@for program in $(MICRO); do $$program || exit 1; done

# Penstock beside nginx stream and HAProxy (perf/README.md).
.PHONY: perf
perf:
	@tests/deps build run test
	@$(MAKE) --no-print-directory -j2 all
	@perf/compare/run
