# The appliance image (appliance-image/README.md). Its two programs are built with the others.
IMAGE_PROGRAMS := $(addprefix $(BIN)/,penstock-state penstock-console)
IMAGE_BASE := $(call archive,dataplane/base)
all: $(IMAGE_PROGRAMS)

$(BIN)/penstock-state: $(patsubst %,$(BUILD)/appliance-image/src/%.o,state partition)
$(BIN)/penstock-console: $(BUILD)/appliance-image/src/console.o
$(IMAGE_PROGRAMS): $(IMAGE_BASE)
	@mkdir -p $(@D)
	@echo "  LD $@"
	@$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(IMAGE_BASE) -lcrypto -lseccomp

$(BUILD)/unit/partition: $(BUILD)/appliance-image/src/partition.o

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
