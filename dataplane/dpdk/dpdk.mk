# The DPDK engine: built where libdpdk is installed and lwIP's source can be had; the rest does without.
# lwIP is compiled from the distribution's source package (dataplane/dpdk/lwip/fetch), with our options.
LWIP := build/lwip
comma := ,
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

# Four functions of lwIP are ours, around lwIP's own under other names (mend.c, tails.c).
$(BUILD)/lwip/core/tcp_out.o: LWIP_NAMES := -Dtcp_split_unsent_seg=lwip_split_unsent_seg \
    -Dtcp_output=lwip_output -Dtcp_rexmit_rto_prepare=lwip_rexmit_rto_prepare -Dtcp_send_empty_ack=lwip_send_empty_ack
$(BUILD)/lwip/%.o: $(LWIP)/src/%.c $(wildcard dataplane/dpdk/lwip/*.h dataplane/dpdk/lwip/arch/*.h) dataplane/dpdk/dpdk.mk
	@mkdir -p $(@D)
	@echo "  CC lwip/$*.c"
	@$(CC) $(LWIP_INCLUDES) $(DPDK_CFLAGS) $(LWIP_NAMES) -std=gnu11 $(OPT_$(VARIANT)) -Werror=implicit-function-declaration -Wno-address -Wno-tautological-constant-out-of-range-compare -c $< -o $@

$(BUILD)/lib/lwip.a: $(LWIP_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	@ar rcs $@ $^

# lwIP is one instance, in variables of its own. With what is built around it, it becomes one object, of which only
# loop_engine is known outside; of that there is a copy for each worker, under a name of its own (dpdk/stacks.h).
STACK_COPIES := 0 1 2 3 4 5 6 7
STACK_PARTS := $(patsubst %,$(BUILD)/dataplane/dpdk/%.o,acks checks checksum cut demux face inlet loop mend merge outlet packets pmtu port quota stack sums \
                tails tcp tcp_open whole window)
STACKS := $(patsubst %,$(BUILD)/dpdk/stack_%.o,$(STACK_COPIES))

$(BUILD)/dpdk/stack.o: $(STACK_PARTS) $(LWIP_OBJECTS)
	@mkdir -p $(@D)
	@ld -r -o $@ $^

$(BUILD)/dpdk/stack_%.o: $(BUILD)/dpdk/stack.o dataplane/dpdk/dpdk.mk
	@objcopy --keep-global-symbol=loop_engine_$* --redefine-sym loop_engine=loop_engine_$* $< $@

$(BUILD)/lib/stacks.a: $(STACKS)
	@rm -f $@
	@ar rcs $@ $^

# Shared libraries of DPDK, its drivers among them, are found by DPDK itself in its plugin directory.
LIBS_dpdk := dataplane/dpdk dataplane/core dataplane/record dataplane/wire dataplane/base
SYS_dpdk := $(shell pkg-config --libs libdpdk) $(IPSECMB) -lcrypto -lseccomp -lpthread
$(BIN)/penstock-dataplane-dpdk: $(BUILD)/lib/stacks.a
DPDK_TESTS := $(wildcard tests/unit/dpdk_*_test.c tests/fuzz/dpdk_*_fuzz.c)
$(patsubst %.c,$(BUILD)/%.o,$(wildcard dataplane/dpdk/*.c) dataplane/dpdkd.c $(DPDK_TESTS) tests/unit/dpdk_sink.c): \
    CPPFLAGS += -Idataplane/dpdk/lwip -isystem $(LWIP)/src/include $(DPDK_CFLAGS)
# The generator over ports: its wire.o goes before the archive that has the one over sockets.
LIBS_load_dpdk := $(LIBS_load) dataplane/dpdk dataplane/core
PROGRAMS += $(BIN)/penstock-load-dpdk
$(BIN)/penstock-load-dpdk: $(call objects,perf/dpdk) $(foreach f,$(sort $(LIBS_load_dpdk)),$(call archive,$(f))) $(BUILD)/lib/lwip.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(sort $(SYS_load)) $(SYS_dpdk)
$(patsubst %.c,$(BUILD)/%.o,$(wildcard perf/dpdk/*.c perf/dpdk/meter/*.c)): CPPFLAGS += -Idataplane/dpdk/lwip -isystem $(LWIP)/src/include $(DPDK_CFLAGS)
# The product's objects, for one worker, with clocks around their calls (perf/dpdk/meter/meter.c).
METERED := ports_poll ports_flush outlet_send demux_input tails_write tcp_output tcp_recved checksum_of sys_check_timeouts \
           tcp_events round_end acks_send seal_record seal_begin seal_finish open_record open_ahead
METER := $(BUILD)/perf/bin/penstock-dataplane-dpdk
all: $(METER)
$(METER): $(BUILD)/dataplane/dpdkd.o $(BUILD)/perf/dpdk/meter/meter.o $(foreach f,$(LIBS_dpdk),$(call archive,$(f))) $(BUILD)/lib/lwip.a
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) $(patsubst %,-Wl$(comma)--wrap=%,$(METERED)) \
	    $(patsubst %,-Wl$(comma)--defsym=loop_engine_%=loop_engine,$(STACK_COPIES)) -o $@ $(filter %.o,$^) \
	    -Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(SYS_dpdk)
# Without a device: most of what is used of DPDK is inlined.
LWIP_TESTED := $(call archive,dataplane/dpdk) $(BUILD)/lib/lwip.a
$(patsubst tests/unit/%_test.c,$(BUILD)/unit/%,$(filter tests/unit/%,$(DPDK_TESTS))) \
$(patsubst tests/fuzz/%_fuzz.c,$(BUILD)/fuzz/%,$(filter tests/fuzz/%,$(DPDK_TESTS))): $(LWIP_TESTED)
$(BUILD)/unit/dpdk_cipher: SYS_all += -lrte_cryptodev -lrte_mempool -lrte_mbuf -lrte_ring -lrte_eal
$(BUILD)/unit/dpdk_inlet: SYS_all += -lrte_mempool -lrte_eal
$(BUILD)/unit/dpdk_sums: $(BUILD)/tests/unit/dpdk_sink.o
$(BUILD)/unit/dpdk_sums: SYS_all += -lrte_ethdev -lrte_ring -lrte_mempool -lrte_mbuf -lrte_eal
else
NOT_BUILT := $(wildcard tests/unit/dpdk_*_test.c tests/fuzz/dpdk_*_fuzz.c)
endif
