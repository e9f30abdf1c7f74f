# The peer of tests/e2e/t_records.py; one build serves the tests of every variant.
TLSPEER := build/bin-test/tlspeer
ifeq ($(VARIANT),release)
unit: $(TLSPEER)
$(TLSPEER): $(BUILD)/tests/e2e/peer/tlspeer.o $(foreach f,dataplane/record dataplane/wire dataplane/base,$(call archive,$(f)))
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $< -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYS_all)
endif

# The moody token of tests/e2e/t_token.py.
MOODY := build/bin-test/moody.so
ifeq ($(VARIANT),release)
unit: $(MOODY)
$(MOODY): tests/e2e/peer/moody.c
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(CPPFLAGS) -std=gnu11 -O2 -fPIC -shared $(WARN) -o $@ $< -ldl
endif
