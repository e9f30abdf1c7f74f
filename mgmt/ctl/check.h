/* check: the same judgement of a configuration file as at start, without a daemon. */
#ifndef PENSTOCK_MGMT_CTL_CHECK_H
#define PENSTOCK_MGMT_CTL_CHECK_H

/* 0 and a line on stdout, or 2 and one line on stderr. */
int check_config(const char *file);

#endif
