# The appliance image (appliance-image/README.md). Its programs are built with the others.
IMAGE_PROGRAMS := $(addprefix $(BIN)/,penstock-state penstock-console penstock-system penstock-vrrp penstock-network penstock-first penstock-seal)
IMAGE_BASE := $(call archive,dataplane/wire) $(call archive,dataplane/base)
all: $(IMAGE_PROGRAMS)

$(BIN)/penstock-state: $(patsubst %,$(BUILD)/appliance-image/src/%.o,state partition)
IMAGE_CONSOLE := $(patsubst %,$(BUILD)/appliance-image/src/%.o,keys menu screen form plain)
$(BIN)/penstock-console: $(patsubst %,$(BUILD)/appliance-image/src/%.o,console look helper local terminal) $(IMAGE_CONSOLE)
IMAGE_UPDATE := $(patsubst %,$(BUILD)/appliance-image/src/%.o,bundle entry slots install running trial)
IMAGE_DEVICES := $(patsubst %,$(BUILD)/appliance-image/src/%.o,devices binding sysfs)
IMAGE_SETTINGS := $(patsubst %,$(BUILD)/appliance-image/src/%.o,settings units live live_routes)
$(BIN)/penstock-network: $(BUILD)/appliance-image/src/network.o $(IMAGE_SETTINGS)
$(BIN)/penstock-system: $(patsubst %,$(BUILD)/appliance-image/src/%.o,system server server_settings server_devices checkup words filter listeners service local partition button) \
    $(IMAGE_UPDATE) $(IMAGE_SETTINGS) $(IMAGE_DEVICES)
IMAGE_FIRST := $(patsubst %,$(BUILD)/appliance-image/src/%.o,first_form drive owner local)
$(BIN)/penstock-first: $(BUILD)/appliance-image/src/first.o $(IMAGE_FIRST) $(IMAGE_SETTINGS)
$(BIN)/penstock-first: $(call archive,mgmt/model)
$(BIN)/penstock-first: IMAGE_LIBS := -ljansson
IMAGE_SEAL := $(patsubst %,$(BUILD)/appliance-image/src/%.o,kekfile proved running entry)
$(BIN)/penstock-seal: $(patsubst %,$(BUILD)/appliance-image/src/%.o,seal service tpm) $(IMAGE_SEAL)
$(BIN)/penstock-seal: IMAGE_LIBS := -ltss2-esys -ltss2-mu -ltss2-tctildr
IMAGE_VRRP := $(patsubst %,$(BUILD)/appliance-image/src/%.o,vrrp_conf keeper)
$(BIN)/penstock-vrrp: $(patsubst %,$(BUILD)/appliance-image/src/%.o,vrrp filter service) $(IMAGE_VRRP)
$(IMAGE_PROGRAMS): $(IMAGE_BASE)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(IMAGE_LIBS) -lcrypto -lseccomp

$(BUILD)/unit/partition: $(BUILD)/appliance-image/src/partition.o
$(patsubst %,$(BUILD)/unit/%,bundle entry slots install running): $(IMAGE_UPDATE)
$(BUILD)/unit/button: $(BUILD)/appliance-image/src/button.o
$(BUILD)/unit/console: $(IMAGE_CONSOLE)
$(BUILD)/unit/settings: $(IMAGE_SETTINGS)
$(BUILD)/unit/devices: $(IMAGE_DEVICES)
$(BUILD)/unit/first: $(IMAGE_FIRST)
$(BUILD)/unit/vrrp $(BUILD)/unit/keeper: $(IMAGE_VRRP)
$(BUILD)/unit/kekfile: $(IMAGE_SEAL)
$(BUILD)/unit/checkup: $(patsubst %,$(BUILD)/appliance-image/src/%.o,checkup words listeners)
$(BUILD)/fuzz/bundle: $(IMAGE_UPDATE)
$(BUILD)/fuzz/console: $(IMAGE_CONSOLE)

.PHONY: image run-image test-image
image:
	@tests/deps image
	@appliance-image/build
run-image: image
	@appliance-image/run
test-image:
	@tests/deps build image
	@$(MAKE) --no-print-directory -j2 $(BIN)/penstockctl
	@tests/run image
test-long: test-image
