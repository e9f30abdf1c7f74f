/*
 * load: the generator as a whole, whatever its connections run over (wire.h).
 * Owner: main().
 */
#ifndef PENSTOCK_LOAD_LOAD_H
#define PENSTOCK_LOAD_LOAD_H

/* Do what argv says. The exit status: 0, 1 it failed, 2 the command line is wrong. */
int load_main(int argc, char *argv[]);

#endif
