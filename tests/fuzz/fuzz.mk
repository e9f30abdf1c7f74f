# Fuzzing. tests/fuzz/X_fuzz.c is one libFuzzer program (see fuzz.h); it may use every archive. Adding the
# file, and a corpus under tests/fuzz/corpus/X if there is one, is all that a new target needs.
#   make fuzz           search for FUZZ_SECONDS with each; finds stay in build/fuzz
#   make fuzz-corpus    replay the saved corpus, which is quick
#   make fuzz-seed      write the corpus of the message codecs anew

FUZZ_SECONDS ?= 20

# clang, unlike gcc, also minds the casts inside OpenSSL's macros; gcc builds every file with -Wcast-qual.
ifeq ($(VARIANT),fuzz)
CFLAGS_EXTRA += -Wno-cast-qual
endif

FUZZERS := $(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzz/%,$(filter-out $(NOT_BUILT),$(wildcard tests/fuzz/*_fuzz.c)))

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%_fuzz.o $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYS_all)

.PHONY: fuzz fuzz-corpus fuzz-seed fuzzers
fuzzers: $(FUZZERS)

fuzz:
	@$(MAKE) --no-print-directory -j2 VARIANT=fuzz fuzzers
	@tests/fuzz/run search $(FUZZ_SECONDS)

fuzz-corpus:
	@$(MAKE) --no-print-directory -j2 VARIANT=fuzz fuzzers
	@tests/fuzz/run replay

FUZZ_SEED := $(BUILD)/tests/fuzz/seed
$(FUZZ_SEED): $(FUZZ_SEED).o $(call archive,dataplane/wire) $(call archive,dataplane/base)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $^

# Certificates are made anew each time, so this one only when the input's form changes.
$(BUILD)/tests/fuzz/seed_chain: $(BUILD)/tests/fuzz/seed_chain.o $(PKI) $(BUILD)/tests/unit/test.o $(ALL_ARCHIVES)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(ALL_ARCHIVES) -Wl,--end-group $(SYS_all)

.PHONY: fuzz-seed-chain
fuzz-seed-chain: $(BUILD)/tests/fuzz/seed_chain
	@$< tests/fuzz/corpus/chain

fuzz-seed: $(FUZZ_SEED)
	@$(FUZZ_SEED) tests/fuzz/corpus
