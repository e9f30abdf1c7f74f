/*
 * lwIP's options: a TCP of its own between a polled port and the core, one thread, no sockets.
 *
 * Why these: windows and send buffers for long paths (scaled), selective acknowledgements, packets
 * received without a copy, every pool of a fixed size. Counts of pools are u16_t inside lwIP:
 * 65536 would be none. Timers run every 50 ms, so that a lost segment costs 300 ms and not 1.5 s.
 */
#ifndef PENSTOCK_DPDK_LWIPOPTS_H
#define PENSTOCK_DPDK_LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_UDP             0
#define LWIP_RAW             0
#define LWIP_STATS           0
#define LWIP_HOOK_FILENAME   "dataplane/dpdk/lwip/hooks.h"

/* Copies that wait for an acknowledgement come from malloc(); pools are fixed. */
#define MEM_LIBC_MALLOC          1
#define MEM_ALIGNMENT            8
#define MEMP_NUM_TCP_PCB         24000 /* two for each session, and those in TIME_WAIT */
#define MEMP_NUM_TCP_PCB_LISTEN  512
#define MEMP_NUM_TCP_SEG         65535
#define MEMP_NUM_PBUF            1024
#define MEMP_NUM_SYS_TIMEOUT     16
#define PBUF_POOL_SIZE           256
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_PBUF_REF_T          u16_t

#define LWIP_ARP                      1
#define ARP_TABLE_SIZE                127
#define ARP_QUEUEING                  1 /* beginnings that wait for the same neighbour are not lost */
#define ARP_QUEUE_LEN                 512
#define MEMP_NUM_ARP_QUEUE            2048
#define ETHARP_SUPPORT_VLAN           1
#define PBUF_LINK_HLEN                18 /* Ethernet's header and one tag */
#define LWIP_ICMP                     1
#define LWIP_IPV4                     1
#define IP_FORWARD                    0
#define IP_REASSEMBLY                 0
#define IP_FRAG                       0
#define IP_OPTIONS_ALLOWED            0
#define LWIP_IPV6                     1
#define LWIP_IPV6_MLD                 1
#define LWIP_ICMP6                    1
#define LWIP_IPV6_REASS               0
#define LWIP_IPV6_FRAG                0
#define LWIP_IPV6_FORWARD             0
#define LWIP_IPV6_AUTOCONFIG          0
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 0
#define LWIP_IPV6_NUM_ADDRESSES       4
#define LWIP_ND6_NUM_NEIGHBORS        64
#define MEMP_NUM_ND6_QUEUE            2048
#define LWIP_ND6_NUM_DESTINATIONS     120 /* counted in 8 bits with a sign */

#define LWIP_TCP                   1
#define TCP_MSS                    8940 /* at most; the port's MTU decides */
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define LWIP_WND_SCALE             1
#define TCP_RCV_SCALE              6
#define TCP_WND                    (512 * 1024)
/* Who is out of window hears of more at once, however little his part is (quota). */
#define TCP_WND_UPDATE_THRESHOLD LWIP_MIN(4u * pcb->mss, 16u * 1024)
#define TCP_SND_BUF              (512 * 1024)
#define TCP_SND_QUEUELEN         4096
#define TCP_SNDLOWAT             (16 * 1024)
#define LWIP_DISABLE_TCP_SANITY_CHECKS                                                             \
    1 /* they want the receive window in a pool that is unused                                     \
       */
#define TCP_SNDQUEUELOWAT          2048
#define TCP_QUEUE_OOSEQ            1
#define TCP_OOSEQ_MAX_BYTES        (512 * 1024)
#define TCP_OOSEQ_MAX_PBUFS        1024
#define LWIP_TCP_SACK_OUT          1
#define LWIP_TCP_MAX_SACK_NUM      4
#define LWIP_TCP_TIMESTAMPS        0
#define LWIP_TCP_KEEPALIVE         1
#define TCP_LISTEN_BACKLOG         0 /* 255 at most there; demux counts the half-open */
#define TCP_DEFAULT_LISTEN_BACKLOG 0xff
#define LWIP_TCP_PCB_NUM_EXT_ARGS  1
#define TCP_TMR_INTERVAL           50
#define LWIP_TCP_RTO_TIME          1000
#define TCP_MSL                    5000UL
#define TCP_SYNMAXRTX              6
#define TCP_MAXRTX                 12

/* Sums are computed by dpdk's own loop, but for those that a device judges (inlet) or makes. */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY        0
#define LWIP_CHKSUM                  checksum_of
#define LWIP_SINGLE_NETIF            0
#define LWIP_NETIF_LOOPBACK          0

#endif
