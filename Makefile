# Penstock: `make` builds into build/bin, `make run` shows the gateway at work, `make test` runs every
# suite. VARIANT=asan|tsan|fuzz builds another flavour into build/VARIANT.

VARIANT ?= release
BUILD := build/$(VARIANT)
BIN := $(if $(filter release,$(VARIANT)),build/bin,$(BUILD)/bin)

CC := gcc
WARN := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wcast-qual -Wstrict-prototypes \
        -Wmissing-prototypes -Wundef -Wvla -Wwrite-strings -Wformat=2 -Wno-missing-field-initializers -Wno-unknown-warning-option \
        -Wno-format-truncation
HARDEN := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2 -fno-strict-aliasing
OPT_release := -O2 -g $(HARDEN)
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan := -O1 -g -fsanitize=thread
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LINK_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack
LINK_asan := -fsanitize=address,undefined
LINK_tsan := -fsanitize=thread
LINK_fuzz := -fsanitize=fuzzer,address,undefined

ifeq ($(VARIANT),fuzz)
CC := clang
endif

# libp11-kit-dev keeps the PKCS#11 header in a directory of its own.
CPPFLAGS := -I. -isystem /usr/include/p11-kit-1 -D_GNU_SOURCE
# clang minds the const that OpenSSL's own macros cast away.
ifneq ($(findstring clang,$(CC)),)
WARN += -Wno-cast-qual
endif
CFLAGS = -std=gnu11 $(OPT_$(VARIANT)) $(WARN) $(CFLAGS_EXTRA)
LDFLAGS = $(LINK_$(VARIANT))

# One archive a folder; the files that hold main() stay outside.
MAINS := dataplane/dataplaned.c handshake/handshaked.c handshake/keyring/keyringd.c \
         handshake/token/tokend.c mgmt/mgmtd.c mgmt/launcher/penstockd.c mgmt/ctl/penstockctl.c perf/load/main.c
FOLDERS := dataplane/base dataplane/wire dataplane/record dataplane/core dataplane/uring handshake \
           handshake/keyring handshake/token mgmt mgmt/model mgmt/store mgmt/api mgmt/backup mgmt/ship mgmt/launcher mgmt/ctl mgmt/renew mgmt/pair mgmt/page perf/load
archive = $(BUILD)/lib/$(subst /,-,$(1)).a
objects = $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(MAINS) $(NOT_HERE),$(wildcard $(1)/*.c)))

LIBS_dataplane := dataplane/uring dataplane/core dataplane/record dataplane/wire dataplane/base
LIBS_handshake := handshake dataplane/wire dataplane/base
LIBS_keyring := handshake/keyring dataplane/wire dataplane/base
LIBS_token := handshake/token handshake/keyring dataplane/wire dataplane/base
LIBS_mgmt := mgmt mgmt/api mgmt/backup mgmt/ship mgmt/page mgmt/renew mgmt/pair mgmt/store mgmt/model dataplane/wire dataplane/base
LIBS_launcher := mgmt/launcher dataplane/wire dataplane/base
LIBS_ctl := mgmt/ctl mgmt/model dataplane/wire dataplane/base
LIBS_load := perf/load handshake dataplane/record dataplane/wire dataplane/base

# Which record library: a file is chosen here, never by #ifdef inside one.
ifeq ($(shell uname -m),x86_64)
IPSECMB := -lIPSec_MB
NOT_HERE := dataplane/record/seal_ipsecmb_none.c
else
NOT_HERE := dataplane/record/seal_ipsecmb.c
endif
SYS_dataplane := -luring $(IPSECMB) -lcrypto -lseccomp -lpthread
SYS_handshake := -lssl -lcrypto -lseccomp
SYS_keyring := -lcrypto -lseccomp -lpthread
SYS_token := -lcrypto -lseccomp -lpthread -ldl
SYS_mgmt := -lsqlite3 -ljansson -lmicrohttpd -lcurl -lssl -lcrypto -lseccomp -lpthread
SYS_launcher := -lseccomp
SYS_ctl := -lcurl -ljansson -lssl -lcrypto -lseccomp -lpthread
SYS_load := -lssl $(IPSECMB) -lcrypto -ljansson -lm
SYS_all := -lsqlite3 -lssl -lcrypto -luring $(IPSECMB) -lseccomp -ljansson -lmicrohttpd -lcurl -lpthread -lm

PROGRAMS := $(addprefix $(BIN)/,penstock-dataplane penstock-handshake penstock-keyring penstock-keyring-token \
              penstock-mgmt penstockd penstockctl penstock-load)
include dataplane/dpdk/dpdk.mk

.DEFAULT_GOAL := all
.SECONDARY:
.PHONY: all
all: $(PROGRAMS)

define archive_rule
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach f,$(FOLDERS) $(FOLDERS_dpdk),$(eval $(call archive_rule,$(f))))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# program NAME, main file, set of libraries
define program_rule
$(BIN)/$(1): $(BUILD)/$(2).o $(foreach f,$(LIBS_$(3)),$(call archive,$(f)))
	@mkdir -p $$(@D)
	@echo "  LD $$@"
	@$(CC) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group $(SYS_$(3))
endef
$(eval $(call program_rule,penstock-dataplane,dataplane/dataplaned,dataplane))
$(eval $(call program_rule,penstock-handshake,handshake/handshaked,handshake))
$(eval $(call program_rule,penstock-keyring,handshake/keyring/keyringd,keyring))
$(eval $(call program_rule,penstock-keyring-token,handshake/token/tokend,token))
$(eval $(call program_rule,penstock-mgmt,mgmt/mgmtd,mgmt))
$(eval $(call program_rule,penstockd,mgmt/launcher/penstockd,launcher))
$(eval $(call program_rule,penstockctl,mgmt/ctl/penstockctl,ctl))
$(eval $(call program_rule,penstock-load,perf/load/main,load))
ifeq ($(HAVE_DPDK),yes)
$(eval $(call program_rule,penstock-dataplane-dpdk,dataplane/dpdkd,dpdk))
endif

# The page is taken in by the assembler, which tells nobody what it read.
$(BUILD)/mgmt/page/page.o: $(wildcard mgmt/page/*.html mgmt/page/*.css mgmt/page/*.js)

# Unit tests: tests/unit/X_test.c is one program; it may use every archive.
UNIT := $(patsubst tests/unit/%_test.c,$(BUILD)/unit/%,$(filter-out $(NOT_BUILT),$(wildcard tests/unit/*_test.c)))
ALL_ARCHIVES := $(foreach f,$(FOLDERS),$(call archive,$(f)))
$(BUILD)/unit/%: $(BUILD)/tests/unit/%_test.o $(BUILD)/tests/unit/test.o $(ALL_ARCHIVES)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYS_all)
# What tests of certificates are made of.
PKI := $(patsubst %,$(BUILD)/tests/unit/%.o,pki pki_edit pki_key pki_case)
$(patsubst tests/unit/%_test.c,$(BUILD)/unit/%,$(wildcard tests/unit/verify*_test.c)) \
    $(patsubst %,$(BUILD)/unit/%,rules chain): $(PKI)
# A whole handshake process, its keyring and its peers.
WORLD := $(PKI) $(patsubst %,$(BUILD)/tests/unit/%.o,world world_peer keyring_thread)
$(patsubst %,$(BUILD)/unit/%,certs conn conn_refuse conn_hello process process_keys revision): $(WORLD)
.PHONY: unit
unit: $(UNIT)

# The two commands of the README, and what they are made of.
.PHONY: run test test-long deps-run deps-test lint clean
deps-build:
	@tests/deps build
deps-run:
	@tests/deps build run
deps-test:
	@tests/deps build run test dpdk lint vm $(if $(MORE),image)

# A second make reads the tree again once the packages are there.
run: deps-run
	@$(MAKE) --no-print-directory -j2 all
	@tests/demo/run

test: deps-test
	@$(MAKE) --no-print-directory -j2 all unit
	@$(MAKE) --no-print-directory -j2 VARIANT=asan all unit
	@$(MAKE) --no-print-directory -j2 VARIANT=tsan all unit
	@tests/run lint unit asan tsan fuzz e2e e2e-asan e2e-tsan vm $(MORE)

test-long: test
	@tests/deps image
	@tests/run vm-long image

lint:
	@tests/deps lint
	@tests/lint/run

clean:
	rm -rf build

-include tests/fuzz/fuzz.mk
-include perf/perf.mk
-include appliance-image/image.mk
-include tests/e2e/peer/peer.mk
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
