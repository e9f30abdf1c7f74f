/* return: when is a process that died started again, and what does it and what do others hear then?
 */
#include "tests/unit/launcher_fleet.h"

#include "dataplane/base/log.h"
#include "mgmt/launcher/resume.h"

#define ANY "127.0.0.1:0"

TEST("a data plane that came back gets its revision, then its channels, then the word to go")
{
    int expected[] = {CONTROL_ATTACH, CONTROL_ATTACH, CONTROL_PREPARE};
    struct control_channel ch;
    struct child *dataplane;
    struct chan_msg m;
    unsigned seen = 0;
    struct fake k;
    int type;

    fake_init(&k, 1);
    fleet_link(&k.fleet);
    fake_run(&k, ANY);
    dataplane = fake_child(&k, ROLE_DATAPLANE);
    fake_die(&k, dataplane);
    fake_start(&k, dataplane);
    resume_begin(dataplane, k.change.running, k.now_ms);
    for (size_t i = 0; i < 3; i++) {
        EXPECT(fake_next(&k, dataplane, &m) == expected[i]);
        chan_msg_close_fds(&m);
    }
    EXPECT(fake_next(&k, dataplane, &m) == 0);
    EXPECT(change_prepared(&k.change, dataplane, 1, k.now_ms) == 0);
    while ((type = fake_next(&k, dataplane, &m)) == CONTROL_CHANNEL) {
        EXPECT(m.n_fds == 1 && control_get_channel(&m.body, &ch) == 0);
        seen |= 1u << ch.kind;
        chan_msg_close_fds(&m);
    }
    EXPECT(type == CONTROL_COMMIT);
    EXPECT(seen == (1u << CHANNEL_HANDOFF | 1u << CHANNEL_JUDGE | 1u << CHANNEL_QUERY |
                    1u << CHANNEL_NOTICES));
    EXPECT(fake_last(&k, fake_child(&k, ROLE_HANDSHAKE)) == CONTROL_CHANNEL);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_KEYRING)) == 0);
    EXPECT(change_committed(&k.change, dataplane, 1, k.now_ms) == 0);
    EXPECT(dataplane->stage == STAGE_SERVING);
    fake_fini(&k);
}

TEST("a handshake process that came back is linked again, and only its neighbours hear of it")
{
    struct child *second;
    struct fake k;

    fake_init(&k, 2);
    fleet_link(&k.fleet);
    fake_run(&k, ANY);
    second = fleet_find(&k.fleet, ROLE_HANDSHAKE, 1);
    fake_die(&k, second);
    fleet_link(&k.fleet);
    for (unsigned i = 0; i < k.fleet.n; i++)
        EXPECT(fake_last(&k, &k.fleet.children[i]) == 0);
    fake_start(&k, second);
    resume_begin(second, k.change.running, k.now_ms);
    EXPECT(change_prepared(&k.change, second, 1, k.now_ms) == 0);
    EXPECT(change_committed(&k.change, second, 1, k.now_ms) == 0);
    fleet_link(&k.fleet);
    EXPECT(fake_last(&k, second) == CONTROL_CHANNEL);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_DATAPLANE)) == CONTROL_CHANNEL);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_KEYRING)) == CONTROL_CHANNEL);
    EXPECT(fake_last(&k, fleet_find(&k.fleet, ROLE_HANDSHAKE, 0)) == 0);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_JUDGE)) == 0);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == 0);
    fake_fini(&k);
}

TEST("a mgmt that came back and compiles the running text again is told that it runs")
{
    struct fake k;

    fake_init(&k, 1);
    fake_run(&k, ANY);
    fake_attach_all(&k, 1, ANY);
    EXPECT(change_start(&k.change, 1, k.now_ms) == 0);
    EXPECT(fake_last(&k, fake_child(&k, ROLE_MGMT)) == CONTROL_APPLIED);
    EXPECT(k.change.phase == CHANGE_IDLE);
    EXPECT(fake_outcome(&k, NULL) == OUTCOME_NONE);
    fake_fini(&k);
}

TEST("restarts come at once, then 100 ms apart and doubling, and never more than 5 s")
{
    static const uint64_t want[] = {0, 100, 200, 400, 800, 1600, 3200, 5000, 5000};

    for (unsigned i = 0; i < 9; i++)
        EXPECT(child_backoff_ms(i) == want[i]);
    EXPECT(child_backoff_ms(1000000) == 5000);
}

TEST("ten seconds of service forget earlier deaths, less do not")
{
    struct child *judge;
    struct fake k;

    fake_init(&k, 1);
    judge = fake_child(&k, ROLE_JUDGE);
    judge->failures = 4;
    k.now_ms = judge->since_ms + CHILD_HEALTHY_MS - 1;
    fake_die(&k, judge);
    EXPECT(judge->due_ms == k.now_ms + 800);
    fake_start(&k, judge);
    child_move(judge, STAGE_SERVING, k.now_ms);
    k.now_ms += CHILD_HEALTHY_MS;
    fake_die(&k, judge);
    EXPECT(judge->due_ms == k.now_ms);
    fake_fini(&k);
}

int main(void)
{
    log_init("test", LOG_ERROR);
    return test_run();
}
