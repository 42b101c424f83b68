/*
 * wsload - a WebSocket load generator for one core.
 *
 * One thread, epoll, no dependencies.  It talks only to 127.0.0.0/8, and every
 * run is bounded in time (--max-time, 120 s unless told).
 *
 *   cc -O2 -march=native -Wall -Wextra -o wsload wsload.c
 *
 * USAGE
 *   wsload -p PORT [options]
 *
 * Connections
 *   -p, --port P            TCP port on the target host
 *       --host A            target address inside 127.0.0.0/8    [127.0.0.1]
 *   -n, --conns N           connections in all                   [1]
 *   -c, --concurrency C     handshakes in flight during the ramp [64]
 *       --src-ips K         spread client sockets over K source addresses
 *                           127.0.0.1 .. 127.0.0.K (more than 28k ports) [1]
 *   -u, --path T            request path template                [/]
 *   -H, --header 'K: V'     extra request header (template; repeat)
 *       --subprotocol S     Sec-WebSocket-Protocol value
 *   -i, --init T            text message sent after open (template; repeat)
 *       --init-bin T        same, as a binary frame
 *       --init-each         send the next init message only when a data frame
 *                           has come since the last one
 *       --lines FILE        connection i has line i of FILE as %L below, e.g. a
 *                           token of its own; the lines are used in turn
 *       --init-replies K    a connection is ready after K data frames [0]
 *       --ready-match S     ... or once a data frame holds the string S
 *       --auto 'A=>B'       answer a data frame equal to A with B (repeat)
 *                           (socket.io: --auto '2=>3')
 *   -r, --rooms R           room of connection i is i % R (%r below) [1]
 *
 * Senders (the first S connections)
 *   -s, --senders S         how many connections send; 'all' too  [0]
 *       --sender-path T     path for senders, if not --path
 *       --sender-init T     init for senders instead of --init (repeat)
 *   -R, --rate X            messages/s of each sender (open loop: latency is
 *                           counted from the time a message was due)
 *       --total-rate X      messages/s of all senders together
 *   -W, --window W          closed loop: at most W messages in flight in all,
 *                           a message is done when --expect copies arrived
 *   -E, --expect E          deliveries expected for one message  [0 = unknown]
 *   -m, --payload T         payload template                     [%T%P]
 *   -b, --binary            send payload as binary frames
 *       --size B            pad with x at %P to B bytes in all
 *       --pad K             or: %P is exactly K bytes of x
 *   -B, --burst K           at most K messages in one write      [64]
 *
 * Phases
 *   -w, --warmup S          seconds of load not measured         [1]
 *   -t, --time S            seconds measured; 0 = connect only   [0]
 *       --settle S          pause between the ramp and the load  [0.2]
 *       --hold S            stay idle for S seconds (memory of idle sockets)
 *       --drain S           wait at most S for the last deliveries [1]
 *       --churn             close each connection as soon as it is ready, go
 *                           on until N were made (connect rate)
 *       --stall K           the last K connections stop reading after the ramp
 *                           (slow consumers); leave them out of --expect
 *       --rst               close with RST, so no TIME_WAIT is left behind
 *       --spin              never sleep in epoll_wait: no wake-up cost is then
 *                           charged to the server, for the highest rates
 *       --check-order       count messages older than the one before on the
 *                           same connection (one sender for each room only)
 *       --max-time S        give up after S seconds              [120]
 *       --pid P[,P..]       server processes: CPU over the measured time and
 *                           RSS before the ramp / after it / at the end
 *       --label S           copied to the output
 *       --dump K            print the first K data frames to stderr
 *
 * Templates: %d index of the connection, %r its room, %L its line, %T marker (payload only:
 * "@@" and 16 hex digits of CLOCK_MONOTONIC ns), %P padding, %% a percent sign,
 * and \r \n \t \0 \\ \xHH.
 *
 * A delivery is one marker in received data, not one frame: a server that
 * packs many messages into one frame or one JSON array is counted right.
 * Frames with RSV bits (compression) are protocol errors.
 *
 * Once all connections are ready, "ready N" goes to stderr.
 *
 * OUTPUT: one line of JSON.  lat_us are microseconds; srv.us_per_delivery is
 * the server's CPU (all threads, from schedstat) per delivery; gen_cpu near 1
 * means that the generator, not the server, was the limit.
 * Exit status: 0, or 1 when a connection failed or a deadline passed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define MAXLIST 32
#define MAXEV 4096
#define MAXPID 32

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;

enum { ST_NEW, ST_CONNECTING, ST_HANDSHAKE, ST_INIT, ST_READY, ST_CLOSED };

typedef struct {
	int fd;
	u8 state;
	u8 want_out;
	u8 stalled;
	u32 idx;
	u32 replies, inits;
	u32 partlen, partcap;
	u8 *part; /* unfinished input */
	u32 outlen, outcap;
	u8 *out;   /* unsent output */
	u8 *frame; /* masked frame of a sender, marker patched per message */
	u32 framelen;
	int tsoff; /* offset of the hex digits in frame, -1 if none */
	u64 last_ts;
} conn;

static struct {
	const char *host, *path, *sender_path, *subproto, *payload, *ready_match, *label;
	const char *headers[MAXLIST], *init[MAXLIST], *sinit[MAXLIST];
	u8 init_bin[MAXLIST];
	int nheaders, ninit, nsinit, nauto;
	char *auto_a[MAXLIST], *auto_b[MAXLIST];
	size_t auto_al[MAXLIST], auto_bl[MAXLIST];
	int port, n, conc, srcips, init_replies, rooms, senders, window, binary, size, pad, burst;
	int churn, stall, rst, spin, check_order, dump, init_each;
	char **lines;
	int nlines;
	double rate, total_rate, warmup, time, settle, hold, drain, max_time, expect;
	int pids[MAXPID], npids;
} o = {.host = "127.0.0.1", .path = "/", .payload = "%T%P", .n = 1, .conc = 64, .srcips = 1,
       .rooms = 1, .size = -1, .pad = -1, .burst = 64, .warmup = 1, .settle = 0.2, .drain = 1,
       .max_time = 120};

static conn *C;
static int ep;
static u8 *rbuf;
static size_t rcap = 1 << 18;
static u64 deadline;
static struct {
	u64 frames, other_frames, bytes, deliveries, reads, sent, sent_bytes, pings;
	u64 err_connect, err_handshake, err_proto, closed, err_io, blocked, ooo, stalls;
} S;
static int opened, ready, inflight, next_conn, gone;
static int measuring;
static u64 last_progress;
static u64 max_lag;

/* ---- time and histogram ------------------------------------------------ */
static inline u64 now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

#define SUB 6 /* 64 steps for each power of two: under 1.6 % error */
static u64 hist[64 << SUB];
static u64 hcount, hmax, hsum;

static inline void hist_add(u64 v) {
	u32 i;
	if (v < (1u << SUB)) {
		i = (u32)v;
	} else {
		int e = 63 - __builtin_clzll(v);
		i = ((u32)(e - SUB + 1) << SUB) + (u32)((v >> (e - SUB)) & ((1u << SUB) - 1));
	}
	hist[i]++;
	hcount++;
	hsum += v;
	if (v > hmax) hmax = v;
}

static double hist_q(double q) {
	u64 need = (u64)(q * (double)hcount), seen = 0;
	if (need >= hcount) need = hcount ? hcount - 1 : 0;
	for (u32 i = 0; i < (64u << SUB); i++) {
		seen += hist[i];
		if (hist[i] && seen > need) {
			u64 v;
			if (i < (1u << SUB)) v = i;
			else {
				int e = (int)(i >> SUB) + SUB - 1;
				v = (1ull << e) + ((u64)(i & ((1u << SUB) - 1)) << (e - SUB));
			}
			return (double)v / 1000.0;
		}
	}
	return (double)hmax / 1000.0;
}

/* ---- templates --------------------------------------------------------- */
static void die(const char *fmt, ...) {
	va_list a;
	va_start(a, fmt);
	fprintf(stderr, "wsload: ");
	vfprintf(stderr, fmt, a);
	fputc('\n', stderr);
	va_end(a);
	exit(2);
}

static int hexv(int c) {
	if (c >= '0' && c <= '9') return c - '0';
	if (c >= 'a' && c <= 'f') return c - 'a' + 10;
	if (c >= 'A' && c <= 'F') return c - 'A' + 10;
	return -1;
}

/* expands t into a new buffer; *ts gets the offset of the hex digits */
static u8 *expand(const char *t, int idx, size_t *len, int *ts, int pad) {
	size_t cap = strlen(t) + 256 + (size_t)(pad > 0 ? pad : 0), n = 0;
	u8 *b = malloc(cap + 1);
	if (ts) *ts = -1;
	for (const char *p = t; *p; p++) {
		if (n + 64 + (size_t)(pad > 0 ? pad : 0) > cap) {
			cap = cap * 2 + (size_t)(pad > 0 ? pad : 0);
			b = realloc(b, cap + 1);
		}
		if (*p == '\\' && p[1]) {
			p++;
			if (*p == 'r') b[n++] = '\r';
			else if (*p == 'n') b[n++] = '\n';
			else if (*p == 't') b[n++] = '\t';
			else if (*p == '0') b[n++] = 0;
			else if (*p == 'x' && hexv(p[1]) >= 0 && hexv(p[2]) >= 0) {
				b[n++] = (u8)(hexv(p[1]) * 16 + hexv(p[2]));
				p += 2;
			} else b[n++] = (u8)*p;
		} else if (*p == '%' && p[1]) {
			p++;
			if (*p == 'd') n += (size_t)sprintf((char *)b + n, "%d", idx);
			else if (*p == 'r') n += (size_t)sprintf((char *)b + n, "%d", idx % o.rooms);
			else if (*p == 'L' && o.nlines) {
				const char *l = o.lines[idx % o.nlines];
				size_t ll = strlen(l);
				b = realloc(b, (cap += ll) + 1);
				memcpy(b + n, l, ll);
				n += ll;
			} else if (*p == 'T') {
				memcpy(b + n, "@@0000000000000000", 18);
				if (ts) *ts = (int)n + 2;
				n += 18;
			} else if (*p == 'P') {
				if (pad > 0) {
					memset(b + n, 'x', (size_t)pad);
					n += (size_t)pad;
				}
			} else b[n++] = (u8)*p;
		} else b[n++] = (u8)*p;
	}
	b[n] = 0;
	*len = n;
	return b;
}

static const u8 MASK[4] = {0x37, 0xfa, 0x21, 0x3d};

/* masked client frame; *off is where the payload starts */
static u8 *mkframe(int op, const u8 *p, size_t n, u32 *flen, u32 *off) {
	u8 *f = malloc(n + 14);
	u32 h;
	f[0] = (u8)(0x80 | op);
	if (n < 126) {
		f[1] = (u8)(0x80 | n);
		h = 2;
	} else if (n < 65536) {
		f[1] = 0x80 | 126;
		f[2] = (u8)(n >> 8);
		f[3] = (u8)n;
		h = 4;
	} else {
		f[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++) f[2 + i] = (u8)((u64)n >> (56 - 8 * i));
		h = 10;
	}
	memcpy(f + h, MASK, 4);
	h += 4;
	for (size_t i = 0; i < n; i++) f[h + i] = p[i] ^ MASK[i & 3];
	*flen = h + (u32)n;
	if (off) *off = h;
	return f;
}

/* ---- output ------------------------------------------------------------ */
static void conn_close(conn *c, u64 *why) {
	if (c->state == ST_CLOSED) return;
	if (c->state == ST_CONNECTING || c->state == ST_HANDSHAKE || c->state == ST_INIT) inflight--;
	if (why) (*why)++;
	if (c->fd >= 0) {
		if (o.rst) {
			struct linger l = {1, 0};
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
		}
		close(c->fd);
	}
	c->fd = -1;
	c->state = ST_CLOSED;
	gone++;
	free(c->part);
	free(c->out);
	c->part = c->out = NULL;
	c->partlen = c->partcap = c->outlen = c->outcap = 0;
}

static void set_events(conn *c, int out) {
	struct epoll_event e = {.events = (c->stalled ? 0 : EPOLLIN) | (out ? EPOLLOUT : 0),
	                        .data.u32 = c->idx};
	c->want_out = (u8)out;
	epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}

static void queue_out(conn *c, const u8 *p, size_t n) {
	if (c->outlen + n > c->outcap) {
		c->outcap = (u32)((c->outlen + n) * 2);
		c->out = realloc(c->out, c->outcap);
	}
	memcpy(c->out + c->outlen, p, n);
	c->outlen += (u32)n;
}

static void conn_write(conn *c, const u8 *p, size_t n) {
	if (c->state == ST_CLOSED) return;
	if (!c->outlen) {
		ssize_t w = send(c->fd, p, n, MSG_NOSIGNAL);
		if (w < 0) {
			if (errno != EAGAIN) {
				conn_close(c, &S.err_io);
				return;
			}
			w = 0;
		}
		if ((size_t)w == n) return;
		p += w;
		n -= (size_t)w;
		S.blocked++;
	}
	queue_out(c, p, n);
	if (!c->want_out) set_events(c, 1);
}

static void conn_flush(conn *c) {
	if (c->outlen) {
		ssize_t w = send(c->fd, c->out, c->outlen, MSG_NOSIGNAL);
		if (w < 0) {
			if (errno != EAGAIN) conn_close(c, &S.err_io);
			return;
		}
		memmove(c->out, c->out + w, c->outlen - (size_t)w);
		c->outlen -= (u32)w;
	}
	if (!c->outlen && c->want_out) set_events(c, 0);
}

static void send_frame(conn *c, int op, const void *p, size_t n) {
	u32 fl;
	u8 *f = mkframe(op, p, n, &fl, NULL);
	conn_write(c, f, fl);
	free(f);
}

/* ---- input ------------------------------------------------------------- */
static inline int parse_hex16(const u8 *p, u64 *out) {
	u64 v = 0;
	for (int i = 0; i < 16; i++) {
		u8 ch = p[i];
		u32 d = (u32)ch - '0';
		if (d > 9) {
			d = (u32)ch - 'a';
			if (d > 5) return 0;
			d += 10;
		}
		v = v << 4 | d;
	}
	*out = v;
	return 1;
}

static inline u32 scan(conn *c, const u8 *p, size_t n, u64 now) {
	const u8 *e = p + n;
	u32 found = 0;
	while (e - p >= 18) {
		p = memchr(p, '@', (size_t)(e - p) - 17);
		if (!p) break;
		u64 ts;
		if (p[1] != '@' || !parse_hex16(p + 2, &ts)) {
			p++;
			continue;
		}
		found++;
		if (o.check_order) {
			if (ts < c->last_ts) S.ooo++;
			c->last_ts = ts;
		}
		if (measuring) hist_add(now > ts ? now - ts : 0);
		p += 18;
	}
	return found;
}

static void became_ready(conn *c) {
	c->state = ST_READY;
	ready++;
	inflight--;
	if (o.churn) conn_close(c, NULL);
}

/* sends what a connection says after open: all of it, or the next message */
static void send_init(conn *c) {
	int sender = (int)c->idx < o.senders;
	const char **list = sender && o.nsinit ? o.sinit : o.init;
	u32 nl = (u32)(sender && o.nsinit ? o.nsinit : o.ninit);
	while (c->inits < nl) {
		size_t len;
		u32 i = c->inits++;
		u8 *m = expand(list[i], (int)c->idx, &len, NULL, 0);
		send_frame(c, list == o.init && o.init_bin[i] ? 2 : 1, m, len);
		free(m);
		if (o.init_each) return;
	}
}

static void on_data_frame(conn *c, int op, const u8 *p, size_t n, u64 now) {
	(void)op;
	S.frames++;
	if (o.dump > 0) {
		o.dump--;
		fprintf(stderr, "[%u] op=%d len=%zu %.*s\n", c->idx, op, n, (int)(n > 300 ? 300 : n), p);
	}
	u32 k = scan(c, p, n, now);
	S.deliveries += k;
	if (k) return;
	S.other_frames++;
	for (int i = 0; i < o.nauto; i++)
		if (o.auto_al[i] == n && !memcmp(o.auto_a[i], p, n)) {
			send_frame(c, op == 2 ? 2 : 1, o.auto_b[i], o.auto_bl[i]);
			return;
		}
	if (c->state == ST_INIT) {
		c->replies++;
		if (o.init_each) send_init(c);
		if (o.ready_match) {
			if (memmem(p, n, o.ready_match, strlen(o.ready_match))) became_ready(c);
		} else if (c->replies >= (u32)o.init_replies) became_ready(c);
	}
}

static void on_open(conn *c) {
	opened++;
	c->state = ST_INIT;
	send_init(c);
	if (c->state == ST_INIT && !o.init_replies && !o.ready_match) became_ready(c);
}

/* consumes whole frames of b[0..n), returns the bytes used; -1 = closed */
static ssize_t parse(conn *c, u8 *b, size_t n, u64 now, size_t *need) {
	size_t i = 0;
	*need = 0;
	while (n - i >= 2) {
		u8 *f = b + i;
		size_t h = 2, len = f[1] & 127;
		if (f[0] & 0x70 || f[1] & 0x80) {
			conn_close(c, &S.err_proto);
			return -1;
		}
		if (len == 126) {
			if (n - i < 4) break;
			len = (size_t)f[2] << 8 | f[3];
			h = 4;
		} else if (len == 127) {
			if (n - i < 10) break;
			len = 0;
			for (int k = 0; k < 8; k++) len = len << 8 | f[2 + k];
			h = 10;
			if (len > 1u << 30) {
				conn_close(c, &S.err_proto);
				return -1;
			}
		}
		if (n - i < h + len) {
			*need = h + len;
			break;
		}
		int op = f[0] & 15;
		if (op <= 2) on_data_frame(c, op, f + h, len, now);
		else if (op == 9) {
			S.pings++;
			send_frame(c, 10, f + h, len);
		} else if (op == 8) {
			conn_close(c, &S.closed);
			return -1;
		} else if (op != 10) {
			conn_close(c, &S.err_proto);
			return -1;
		}
		if (c->state == ST_CLOSED) return -1;
		i += h + len;
	}
	return (ssize_t)i;
}

static void on_readable(conn *c) {
	size_t have = c->partlen, need = 0;
	if (have + 65536 > rcap) rbuf = realloc(rbuf, rcap = (have + 65536) * 2);
	if (have) memcpy(rbuf, c->part, have);
	ssize_t r = recv(c->fd, rbuf + have, rcap - have, 0);
	if (r <= 0) {
		if (r < 0 && (errno == EAGAIN || errno == EINTR)) return;
		conn_close(c, c->state <= ST_HANDSHAKE ? &S.err_handshake : r ? &S.err_io : &S.closed);
		return;
	}
	u64 now = now_ns();
	S.reads++;
	S.bytes += (u64)r;
	u8 *b = rbuf;
	size_t n = have + (size_t)r;
	if (c->state == ST_HANDSHAKE) {
		u8 *e = memmem(b, n, "\r\n\r\n", 4);
		if (e) {
			if (n < 12 || memcmp(b, "HTTP/1.1 101", 12) ||
			    !memmem(b, (size_t)(e - b), ACCEPT, strlen(ACCEPT))) {
				static int shown;
				if (!shown++) fprintf(stderr, "wsload: handshake refused: %.*s\n", (int)(e - b), b);
				conn_close(c, &S.err_handshake);
				return;
			}
			n -= (size_t)(e + 4 - b);
			b = e + 4;
			on_open(c);
			if (c->state == ST_CLOSED) return;
		} else if (n > 16384) {
			conn_close(c, &S.err_handshake);
			return;
		}
	}
	if (c->state >= ST_INIT) {
		ssize_t u = parse(c, b, n, now, &need);
		if (u < 0) return;
		b += u;
		n -= (size_t)u;
	}
	if (n) {
		size_t cap = need > n ? need : n;
		if (c->partcap < cap) {
			if (cap < 4096) cap = 4096;
			c->part = realloc(c->part, cap);
			c->partcap = (u32)cap;
		}
		memcpy(c->part, b, n);
	}
	c->partlen = (u32)n;
}

/* ---- connecting -------------------------------------------------------- */
static void start_conn(int idx) {
	conn *c = &C[idx];
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)o.port)};
	inet_pton(AF_INET, o.host, &a.sin_addr);
	int one = 1;
	c->idx = (u32)idx;
	c->state = ST_CONNECTING;
	inflight++;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		static int shown;
		if (!shown++) perror("wsload: socket");
		conn_close(c, &S.err_connect);
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (o.srcips > 1) {
		struct sockaddr_in s = {.sin_family = AF_INET,
		                        .sin_addr.s_addr = htonl(0x7f000001u + (u32)(idx % o.srcips))};
		setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
		if (bind(c->fd, (struct sockaddr *)&s, sizeof s)) {
			conn_close(c, &S.err_connect);
			return;
		}
	}
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a) && errno != EINPROGRESS) {
		static int shown;
		if (!shown++) perror("wsload: connect");
		conn_close(c, &S.err_connect);
		return;
	}
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.u32 = c->idx};
	c->want_out = 1;
	epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

static void on_connected(conn *c) {
	int err = 0;
	socklen_t l = sizeof err;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
	if (err) {
		static int shown;
		if (!shown++) fprintf(stderr, "wsload: connect: %s\n", strerror(err));
		conn_close(c, &S.err_connect);
		return;
	}
	size_t pl, n;
	u8 *path = expand((int)c->idx < o.senders && o.sender_path ? o.sender_path : o.path,
	                  (int)c->idx, &pl, NULL, 0);
	char req[8192];
	n = (size_t)snprintf(req, sizeof req,
	                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\n"
	                     "Connection: Upgrade\r\nSec-WebSocket-Key: " KEY
	                     "\r\nSec-WebSocket-Version: 13\r\n",
	                     (char *)path, o.host, o.port);
	free(path);
	if (o.subproto)
		n += (size_t)snprintf(req + n, sizeof req - n, "Sec-WebSocket-Protocol: %s\r\n", o.subproto);
	for (int i = 0; i < o.nheaders && n < sizeof req; i++) {
		size_t hl;
		u8 *h = expand(o.headers[i], (int)c->idx, &hl, NULL, 0);
		n += (size_t)snprintf(req + n, sizeof req - n, "%s\r\n", (char *)h);
		free(h);
	}
	if (n + 3 > sizeof req) die("request too long");
	memcpy(req + n, "\r\n", 2);
	c->state = ST_HANDSHAKE;
	conn_write(c, (u8 *)req, n + 2);
	if (c->state != ST_CLOSED && !c->outlen) set_events(c, 0);
}

/* one turn of the loop; timeout in ms */
static void turn(int timeout) {
	static struct epoll_event ev[MAXEV];
	int k = epoll_wait(ep, ev, MAXEV, timeout);
	for (int i = 0; i < k; i++) {
		conn *c = &C[ev[i].data.u32];
		if (c->state == ST_CLOSED) continue;
		if (c->state == ST_CONNECTING) {
			if (ev[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) on_connected(c);
			continue;
		}
		if (ev[i].events & EPOLLOUT) conn_flush(c);
		if (c->state == ST_CLOSED) continue;
		if (ev[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
			if (c->stalled) {
				if (ev[i].events & (EPOLLERR | EPOLLHUP)) conn_close(c, &S.closed);
			} else on_readable(c);
		}
	}
}

/* ---- sending ----------------------------------------------------------- */
static void make_sender(conn *c) {
	size_t n;
	int ts, pad = o.pad;
	if (pad < 0) {
		u8 *t = expand(o.payload, (int)c->idx, &n, &ts, 0);
		free(t);
		pad = o.size > (int)n ? o.size - (int)n : 0;
	}
	u8 *p = expand(o.payload, (int)c->idx, &n, &ts, pad);
	u32 off;
	c->frame = mkframe(o.binary ? 2 : 1, p, n, &c->framelen, &off);
	c->tsoff = ts < 0 ? -1 : (int)off + ts;
	/* the mask phase at the digits, so that patching is a plain xor */
	free(p);
}

static inline void patch(conn *c, u8 *f, u64 ts) {
	static const char hx[] = "0123456789abcdef";
	if (c->tsoff < 0) return;
	u8 *d = f + c->tsoff;
	/* payload offset of the first digit, modulo 4 */
	u32 ph = (u32)(c->tsoff - (int)(c->framelen < 126 + 6 ? 6 : c->framelen < 65536 + 8 ? 8 : 14));
	for (int i = 0; i < 16; i++)
		d[i] = (u8)hx[(ts >> (60 - 4 * i)) & 15] ^ MASK[(ph + (u32)i) & 3];
}

/* sends k messages of one sender in one write; ts[] are their times */
static void send_msgs(conn *c, const u64 *ts, int k) {
	static u8 *buf;
	static size_t cap;
	size_t n = (size_t)k * c->framelen;
	if (c->state != ST_READY) return;
	if (c->outlen > 4u << 20) {
		S.blocked++;
		return; /* the server does not read: do not grow without end */
	}
	if (n > cap) buf = realloc(buf, cap = n * 2);
	for (int i = 0; i < k; i++) {
		memcpy(buf + (size_t)i * c->framelen, c->frame, c->framelen);
		patch(c, buf + (size_t)i * c->framelen, ts[i]);
	}
	conn_write(c, buf, n);
	S.sent += (u64)k;
	S.sent_bytes += n;
}

static double total_rate;
static u64 t_start, k_sent, rr; /* open loop schedule */
static u64 base_sent, base_del; /* window accounting */

static u64 due(u64 k) { return t_start + (u64)((double)k * 1e9 / total_rate); }

static void pump(u64 now) {
	u64 ts[1024];
	if (o.window) {
		double out = (double)(S.sent - base_sent) * o.expect - (double)(S.deliveries - base_del);
		int can = (int)((double)o.window - out / o.expect + 1e-9);
		if (can > 0) last_progress = now;
		else if (now - last_progress > 2000000000ull) { /* lost messages: open the window anew */
			S.stalls++;
			base_sent = S.sent;
			base_del = S.deliveries;
			last_progress = now;
			can = o.window;
		}
		while (can > 0) {
			int k = o.senders == 1 ? (can < o.burst ? can : o.burst) : 1;
			for (int i = 0; i < k; i++) ts[i] = now;
			send_msgs(&C[rr++ % (u64)o.senders], ts, k);
			can -= k;
		}
		return;
	}
	if (total_rate <= 0) return;
	for (int guard = 0; guard < 1024 && due(k_sent) <= now; guard++) {
		int k = 0;
		if (now - due(k_sent) > max_lag && measuring) max_lag = now - due(k_sent);
		if (o.senders == 1) {
			while (k < o.burst && due(k_sent) <= now) ts[k++] = due(k_sent++);
		} else ts[k++] = due(k_sent++);
		send_msgs(&C[rr++ % (u64)o.senders], ts, k);
	}
}

static int run_until(u64 end, int sending) {
	u64 now = now_ns();
	while (now < end) {
		if (now > deadline) return 0;
		int t = 0;
		if (sending) pump(now);
		if (!o.spin) {
			u64 next = end;
			if (sending && !o.window && total_rate > 0 && due(k_sent) < next) next = due(k_sent);
			t = next > now ? (int)((next - now) / 1000000) : 0;
			if (t > 100) t = 100;
		}
		turn(t);
		now = now_ns();
	}
	return 1;
}

/* ---- the server's processes -------------------------------------------- */
typedef struct {
	double cpu, user, sys;
	long rss_kb, threads;
} proc;

static proc read_procs(void) {
	proc r = {0};
	char f[300], line[1024];
	for (int i = 0; i < o.npids; i++) {
		snprintf(f, sizeof f, "/proc/%d/task", o.pids[i]);
		DIR *d = opendir(f);
		if (!d) continue;
		struct dirent *e;
		while ((e = readdir(d))) {
			if (e->d_name[0] == '.') continue;
			snprintf(f, sizeof f, "/proc/%d/task/%.20s/schedstat", o.pids[i], e->d_name);
			FILE *h = fopen(f, "r");
			unsigned long long ns;
			if (h) {
				if (fscanf(h, "%llu", &ns) == 1) r.cpu += (double)ns / 1e9;
				fclose(h);
			}
			r.threads++;
		}
		closedir(d);
		snprintf(f, sizeof f, "/proc/%d/stat", o.pids[i]);
		FILE *h = fopen(f, "r");
		if (h) {
			if (fgets(line, sizeof line, h)) {
				char *p = strrchr(line, ')');
				unsigned long ut, st;
				if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ut, &st) == 2) {
					r.user += (double)ut / (double)sysconf(_SC_CLK_TCK);
					r.sys += (double)st / (double)sysconf(_SC_CLK_TCK);
				}
			}
			fclose(h);
		}
		snprintf(f, sizeof f, "/proc/%d/status", o.pids[i]);
		h = fopen(f, "r");
		if (h) {
			long kb;
			while (fgets(line, sizeof line, h))
				if (sscanf(line, "VmRSS: %ld kB", &kb) == 1) r.rss_kb += kb;
			fclose(h);
		}
	}
	return r;
}

static double own_cpu(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- options ----------------------------------------------------------- */
static void usage(void) {
	FILE *f = fopen(__FILE__, "r");
	char line[512];
	if (f) { /* the header of this file is the manual */
		int on = 0;
		while (fgets(line, sizeof line, f)) {
			if (strstr(line, "USAGE")) on = 1;
			if (!strncmp(line, " */", 3)) break;
			if (on) fputs(line + (line[1] == '*' ? 2 : 0), stderr);
		}
		fclose(f);
	} else fprintf(stderr, "usage: see the head of wsload.c\n");
	exit(2);
}

enum { L_HOST = 256, L_SRC, L_SUB, L_INITBIN, L_REPL, L_MATCH, L_AUTO, L_SPATH, L_SINIT, L_TRATE,
       L_SIZE, L_PAD, L_SETTLE, L_HOLD, L_DRAIN, L_CHURN, L_STALL, L_RST, L_SPIN, L_ORDER, L_MAX,
       L_PID, L_LABEL, L_DUMP, L_EACH, L_LINES };

static const struct option LO[] = {
	{"port", 1, 0, 'p'}, {"host", 1, 0, L_HOST}, {"conns", 1, 0, 'n'}, {"concurrency", 1, 0, 'c'},
	{"src-ips", 1, 0, L_SRC}, {"path", 1, 0, 'u'}, {"header", 1, 0, 'H'}, {"subprotocol", 1, 0, L_SUB},
	{"init", 1, 0, 'i'}, {"init-bin", 1, 0, L_INITBIN}, {"init-replies", 1, 0, L_REPL},
	{"ready-match", 1, 0, L_MATCH}, {"auto", 1, 0, L_AUTO}, {"rooms", 1, 0, 'r'}, {"senders", 1, 0, 's'},
	{"sender-path", 1, 0, L_SPATH}, {"sender-init", 1, 0, L_SINIT}, {"rate", 1, 0, 'R'},
	{"total-rate", 1, 0, L_TRATE}, {"window", 1, 0, 'W'}, {"expect", 1, 0, 'E'}, {"payload", 1, 0, 'm'},
	{"binary", 0, 0, 'b'}, {"size", 1, 0, L_SIZE}, {"pad", 1, 0, L_PAD}, {"burst", 1, 0, 'B'},
	{"warmup", 1, 0, 'w'}, {"time", 1, 0, 't'}, {"settle", 1, 0, L_SETTLE}, {"hold", 1, 0, L_HOLD},
	{"drain", 1, 0, L_DRAIN}, {"churn", 0, 0, L_CHURN}, {"stall", 1, 0, L_STALL}, {"rst", 0, 0, L_RST},
	{"spin", 0, 0, L_SPIN}, {"check-order", 0, 0, L_ORDER}, {"max-time", 1, 0, L_MAX}, {"pid", 1, 0, L_PID},
	{"label", 1, 0, L_LABEL}, {"dump", 1, 0, L_DUMP}, {"init-each", 0, 0, L_EACH},
	{"lines", 1, 0, L_LINES}, {"help", 0, 0, 'h'}, {0, 0, 0, 0}};

static void read_lines(const char *file) {
	FILE *f = fopen(file, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	if (!f) die("cannot read %s", file);
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n') line[n - 1] = 0;
		o.lines = realloc(o.lines, (size_t)(o.nlines + 1) * sizeof *o.lines);
		o.lines[o.nlines++] = strdup(line);
	}
	free(line);
	fclose(f);
	if (!o.nlines) die("%s is empty", file);
}

static void options(int argc, char **argv) {
	int ch, all = 0;
	while ((ch = getopt_long(argc, argv, "p:n:c:u:H:i:r:s:R:W:E:m:bB:w:t:h", LO, NULL)) != -1) {
		switch (ch) {
		case 'p': o.port = atoi(optarg); break;
		case L_HOST: o.host = optarg; break;
		case 'n': o.n = atoi(optarg); break;
		case 'c': o.conc = atoi(optarg); break;
		case L_SRC: o.srcips = atoi(optarg); break;
		case 'u': o.path = optarg; break;
		case L_SPATH: o.sender_path = optarg; break;
		case 'H': if (o.nheaders < MAXLIST) o.headers[o.nheaders++] = optarg; break;
		case L_SUB: o.subproto = optarg; break;
		case L_INITBIN: /* fall through */
		case 'i':
			if (o.ninit < MAXLIST) {
				o.init_bin[o.ninit] = ch == L_INITBIN;
				o.init[o.ninit++] = optarg;
			}
			break;
		case L_SINIT: if (o.nsinit < MAXLIST) o.sinit[o.nsinit++] = optarg; break;
		case L_REPL: o.init_replies = atoi(optarg); break;
		case L_MATCH: o.ready_match = optarg; break;
		case L_AUTO: {
			char *m = strstr(optarg, "=>");
			if (!m || o.nauto == MAXLIST) die("--auto wants A=>B");
			*m = 0;
			o.auto_a[o.nauto] = (char *)expand(optarg, 0, &o.auto_al[o.nauto], NULL, 0);
			o.auto_b[o.nauto] = (char *)expand(m + 2, 0, &o.auto_bl[o.nauto], NULL, 0);
			o.nauto++;
			break;
		}
		case 'r': o.rooms = atoi(optarg); break;
		case 's': if (!strcmp(optarg, "all")) all = 1; else o.senders = atoi(optarg); break;
		case 'R': o.rate = atof(optarg); break;
		case L_TRATE: o.total_rate = atof(optarg); break;
		case 'W': o.window = atoi(optarg); break;
		case 'E': o.expect = atof(optarg); break;
		case 'm': o.payload = optarg; break;
		case 'b': o.binary = 1; break;
		case L_SIZE: o.size = atoi(optarg); break;
		case L_PAD: o.pad = atoi(optarg); break;
		case 'B': o.burst = atoi(optarg); break;
		case 'w': o.warmup = atof(optarg); break;
		case 't': o.time = atof(optarg); break;
		case L_SETTLE: o.settle = atof(optarg); break;
		case L_HOLD: o.hold = atof(optarg); break;
		case L_DRAIN: o.drain = atof(optarg); break;
		case L_CHURN: o.churn = 1; o.rst = 1; break;
		case L_STALL: o.stall = atoi(optarg); break;
		case L_RST: o.rst = 1; break;
		case L_SPIN: o.spin = 1; break;
		case L_ORDER: o.check_order = 1; break;
		case L_MAX: o.max_time = atof(optarg); break;
		case L_PID:
			for (char *s = strtok(optarg, ","); s && o.npids < MAXPID; s = strtok(NULL, ","))
				o.pids[o.npids++] = atoi(s);
			break;
		case L_LABEL: o.label = optarg; break;
		case L_DUMP: o.dump = atoi(optarg); break;
		case L_EACH: o.init_each = 1; break;
		case L_LINES: read_lines(optarg); break;
		default: usage();
		}
	}
	struct in_addr a;
	if (!o.port) usage();
	if (inet_pton(AF_INET, o.host, &a) != 1 || (ntohl(a.s_addr) >> 24) != 127)
		die("only 127.0.0.0/8 is a target");
	if (all) o.senders = o.n;
	if (o.senders > o.n) die("more senders than connections");
	if (o.n < 1 || o.rooms < 1 || o.conc < 1) die("bad number");
	if (o.burst < 1 || o.burst > 1024) o.burst = 64;
	if (o.window && o.expect <= 0) die("--window needs --expect");
	if (o.window && !o.senders) die("--window needs --senders");
	total_rate = o.total_rate > 0 ? o.total_rate : o.rate * o.senders;
}

static void print_str(const char *s) {
	putchar('"');
	for (; s && *s; s++) {
		if (*s == '"' || *s == '\\') putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

int main(int argc, char **argv) {
	options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
	if (!o.churn && (rlim_t)o.n + 16 > rl.rlim_max)
		die("%d connections need a higher ulimit -n (%ld)", o.n, (long)rl.rlim_max);
	ep = epoll_create1(EPOLL_CLOEXEC);
	rbuf = malloc(rcap);
	C = calloc((size_t)o.n, sizeof *C);
	for (int i = 0; i < o.n; i++) C[i].fd = -1, C[i].idx = (u32)i;

	int ok = 1;
	proc p0 = read_procs();
	u64 t0 = now_ns(), t_open = 0;
	deadline = t0 + (u64)(o.max_time * 1e9);

	/* ramp */
	while (ready + (o.churn ? 0 : gone) < o.n && (next_conn < o.n || inflight > 0)) {
		while (inflight < o.conc && next_conn < o.n) start_conn(next_conn++);
		turn(o.spin ? 0 : 20);
		if (!t_open && opened == o.n) t_open = now_ns();
		if (now_ns() > deadline) {
			ok = 0;
			break;
		}
	}
	u64 t_ready = now_ns();
	if (!t_open) t_open = t_ready;
	proc p1 = read_procs();
	int connected = opened, readied = ready;
	if (ready < o.n) ok = 0;
	fprintf(stderr, "ready %d\n", ready);

	if (!o.churn) {
		for (int i = o.n - o.stall; i < o.n; i++)
			if (i >= 0 && C[i].state == ST_READY) {
				C[i].stalled = 1;
				set_events(&C[i], C[i].want_out);
			}
		if (ok && o.settle > 0) ok &= run_until(now_ns() + (u64)(o.settle * 1e9), 0);
	}
	int spin = o.spin;
	if (ok && o.hold > 0) {
		o.spin = 0;
		ok &= run_until(now_ns() + (u64)(o.hold * 1e9), 0);
		o.spin = spin;
	}
	proc p2 = read_procs();

	/* load */
	double secs = 0, gcpu = 0;
	proc a = {0}, b = {0};
	typeof(S) m0 = S, m1 = S;
	u64 load_sent0 = S.sent, load_del0 = S.deliveries;
	if (ok && o.time > 0 && !o.churn) {
		for (int i = 0; i < o.senders; i++) make_sender(&C[i]);
		t_start = now_ns();
		base_sent = S.sent;
		base_del = S.deliveries;
		last_progress = t_start;
		ok &= run_until(t_start + (u64)(o.warmup * 1e9), 1);
		a = read_procs();
		double g0 = own_cpu();
		u64 ta = now_ns();
		m0 = S;
		measuring = 1;
		ok &= run_until(ta + (u64)(o.time * 1e9), 1);
		measuring = 0;
		m1 = S;
		u64 tb = now_ns();
		b = read_procs();
		gcpu = own_cpu() - g0;
		secs = (double)(tb - ta) / 1e9;
		u64 end = now_ns() + (u64)(o.drain * 1e9);
		while (now_ns() < end) {
			if (o.expect > 0 && (double)(S.deliveries - load_del0) >= (double)(S.sent - load_sent0) * o.expect)
				break;
			turn(o.spin ? 0 : 20);
		}
	}
	proc p3 = read_procs();

	printf("{\"label\":");
	print_str(o.label ? o.label : "");
	printf(",\"conns\":%d,\"opened\":%d,\"ready\":%d,\"connect_s\":%.4f,\"connect_per_s\":%.0f,"
	       "\"ready_s\":%.4f,\"ready_per_s\":%.0f",
	       o.n, connected, readied, (double)(t_open - t0) / 1e9,
	       connected / ((double)(t_open - t0) / 1e9), (double)(t_ready - t0) / 1e9,
	       readied / ((double)(t_ready - t0) / 1e9));
	if (secs > 0) {
		double del = (double)(m1.deliveries - m0.deliveries);
		printf(",\"secs\":%.3f,\"sent\":%llu,\"sent_per_s\":%.1f,\"deliveries\":%.0f,\"deliveries_per_s\":%.0f,"
		       "\"frames_per_s\":%.0f,\"reads_per_s\":%.0f,\"bytes_per_s\":%.0f",
		       secs, (unsigned long long)(m1.sent - m0.sent), (double)(m1.sent - m0.sent) / secs, del,
		       del / secs, (double)(m1.frames - m0.frames) / secs, (double)(m1.reads - m0.reads) / secs,
		       (double)(m1.bytes - m0.bytes) / secs);
		printf(",\"lat_us\":{\"n\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p95\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
		       (unsigned long long)hcount, hcount ? (double)hsum / (double)hcount / 1000 : 0, hist_q(.5),
		       hist_q(.95), hist_q(.99), hist_q(.999), (double)hmax / 1000);
		printf(",\"gen_cpu\":%.3f,\"send_lag_max_us\":%.0f", gcpu / secs, (double)max_lag / 1000);
		if (o.expect > 0)
			printf(",\"missing\":%.0f", (double)(S.sent - load_sent0) * o.expect - (double)(S.deliveries - load_del0));
		if (o.npids) {
			double cpu = b.cpu - a.cpu, us = b.user - a.user, sy = b.sys - a.sys;
			printf(",\"srv\":{\"cpu\":%.3f,\"user_pct\":%.1f,\"us_per_delivery\":%.3f,\"us_per_sent\":%.2f,\"threads\":%ld}",
			       cpu / secs, us + sy > 0 ? 100 * us / (us + sy) : 0, del > 0 ? cpu * 1e6 / del : 0,
			       m1.sent > m0.sent ? cpu * 1e6 / (double)(m1.sent - m0.sent) : 0, b.threads);
		}
	}
	if (o.npids)
		printf(",\"rss_kb\":{\"before\":%ld,\"ramped\":%ld,\"held\":%ld,\"end\":%ld,\"bytes_per_conn\":%.0f},"
		       "\"ramp_cpu_us_per_conn\":%.1f",
		       p0.rss_kb, p1.rss_kb, p2.rss_kb, p3.rss_kb,
		       readied ? (double)(p2.rss_kb - p0.rss_kb) * 1024.0 / readied : 0,
		       readied ? (p1.cpu - p0.cpu) * 1e6 / readied : 0);
	printf(",\"errors\":{\"connect\":%llu,\"handshake\":%llu,\"proto\":%llu,\"closed\":%llu,\"io\":%llu,"
	       "\"blocked\":%llu,\"out_of_order\":%llu,\"window_stalls\":%llu},\"pings\":%llu,\"other_frames\":%llu,\"ok\":%s}\n",
	       (unsigned long long)S.err_connect, (unsigned long long)S.err_handshake,
	       (unsigned long long)S.err_proto, (unsigned long long)S.closed, (unsigned long long)S.err_io,
	       (unsigned long long)S.blocked, (unsigned long long)S.ooo, (unsigned long long)S.stalls,
	       (unsigned long long)S.pings, (unsigned long long)S.other_frames, ok ? "true" : "false");
	fflush(stdout);
	if (o.rst)
		for (int i = 0; i < o.n; i++)
			if (C[i].state != ST_CLOSED && C[i].fd >= 0) conn_close(&C[i], NULL);
	return ok ? 0 : 1;
}
