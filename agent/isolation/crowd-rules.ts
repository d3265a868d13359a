/** New connections of one address, a second, for as long as it likes, and at once. */
const PER_SECOND = 100;
const BURST = 500;

/**
 * Rules that make one address wait before it can fill nginx with connections that ask for nothing: nginx ends each
 * after 10 s (client_header_timeout), so that no address has more than BURST + 10 × PER_SECOND of them. Without
 * connection tracking, whose table would be the next thing to fill. What is too much is not answered: a browser asks
 * again after a second. Applied as a whole, and safe to repeat; by address of ours, for instances that share a network.
 */
export const crowdRules = `table inet everspot {
  set visitors {
    type ipv4_addr . ipv4_addr
    size 65535
    flags dynamic,timeout
    timeout 1m
  }
  chain input {
    type filter hook input priority filter; policy accept;
  }
}
flush chain inet everspot input
table inet everspot {
  chain input {
    tcp dport { 80, 443 } tcp flags & (syn | ack) == syn update @visitors { ip saddr . ip daddr limit rate over ${PER_SECOND}/second burst ${BURST} packets } drop
  }
}
`;
