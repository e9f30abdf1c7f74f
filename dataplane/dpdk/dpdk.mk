# The DPDK engine: built where libdpdk is installed and lwIP's source can be had; the rest does without.
# lwIP is compiled from the distribution's source package (dataplane/dpdk/lwip/fetch), with our options.
LWIP := build/lwip
HAVE_DPDK := $(shell pkg-config --exists libdpdk 2>/dev/null && dataplane/dpdk/lwip/fetch $(LWIP) && echo yes)

ifeq ($(HAVE_DPDK),yes)
FOLDERS_dpdk := dataplane/dpdk
PROGRAMS += $(BIN)/penstock-dataplane-dpdk

LWIP_SOURCES := $(addprefix $(LWIP)/src/,$(addprefix core/,init.c def.c inet_chksum.c ip.c mem.c memp.c netif.c pbuf.c \
                tcp.c tcp_in.c tcp_out.c timeouts.c ipv4/etharp.c ipv4/icmp.c ipv4/ip4.c ipv4/ip4_addr.c \
                ipv6/ethip6.c ipv6/icmp6.c ipv6/ip6.c ipv6/ip6_addr.c ipv6/mld6.c ipv6/nd6.c) netif/ethernet.c)
LWIP_OBJECTS := $(patsubst $(LWIP)/src/%.c,$(BUILD)/lwip/%.o,$(LWIP_SOURCES))
LWIP_INCLUDES := -I. -Idataplane/dpdk/lwip -isystem $(LWIP)/src/include
DPDK_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libdpdk))

$(BUILD)/lwip/%.o: $(LWIP)/src/%.c $(wildcard dataplane/dpdk/lwip/*.h dataplane/dpdk/lwip/arch/*.h)
	@mkdir -p $(@D)
	@echo "  CC lwip/$*.c"
	@$(CC) $(LWIP_INCLUDES) $(DPDK_CFLAGS) -std=gnu11 $(OPT_$(VARIANT)) -Werror=implicit-function-declaration -Wno-address -c $< -o $@

$(BUILD)/lib/lwip.a: $(LWIP_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

# Shared libraries of DPDK, its drivers among them, are found by DPDK itself in its plugin directory.
LIBS_dpdk := dataplane/dpdk dataplane/core dataplane/record dataplane/wire dataplane/base
SYS_dpdk := $(shell pkg-config --libs libdpdk) $(IPSECMB) -lcrypto -lseccomp -lpthread
$(BIN)/penstock-dataplane-dpdk: $(BUILD)/lib/lwip.a
DPDK_TESTS := $(wildcard tests/unit/dpdk_*_test.c tests/fuzz/dpdk_*_fuzz.c)
$(patsubst %.c,$(BUILD)/%.o,$(wildcard dataplane/dpdk/*.c) dataplane/dpdkd.c $(DPDK_TESTS)): \
    CPPFLAGS += -Idataplane/dpdk/lwip -isystem $(LWIP)/src/include $(DPDK_CFLAGS)
# Without a device: the sums of DPDK's headers are inlined, no library of it is needed.
LWIP_TESTED := $(call archive,dataplane/dpdk) $(BUILD)/lib/lwip.a
$(patsubst tests/unit/%_test.c,$(BUILD)/unit/%,$(filter tests/unit/%,$(DPDK_TESTS))) \
$(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzz/%,$(filter tests/fuzz/%,$(DPDK_TESTS))): $(LWIP_TESTED)
else
NOT_BUILT := $(wildcard tests/unit/dpdk_*_test.c tests/fuzz/dpdk_*_fuzz.c)
endif
