package authz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// OriginPolicy says which origins pages may connect from. It is an [Authenticator], and guards [Tickets.Handler] too. See
// [Origins], [ParseOrigins] and [DangerouslyAllowAnyOrigin].
type OriginPolicy struct {
	allowed []origin
	any     bool
}

// Origins lets only pages of certain origins connect. A browser sends the origin of the page with every handshake, and cookies
// to whoever asks: without this check any page that a user visits can open a connection as that user (cross-site WebSocket
// hijacking; OWASP WebSocket Security Cheat Sheet).
//
// It only decides, and is used beside what names the principal:
//
//	authz.All(authz.Origins("https://app.example.com"), authz.Bearer(sessions, authz.Cookie("session")))
//
// An origin is a scheme, a host and a port, which is the scheme's own if it is left out; all three must be the same. The first
// label of a pattern's host may be "*", for one label or more: "https://*.example.com" takes https://a.example.com and
// https://a.b.example.com, not https://example.com, nor https://evil-example.com or https://example.com.evil.test. The
// origins "null", of sandboxed pages and files, and "file://", of pages in Electron and Cordova, are taken only if they are
// named: any file that a user opens may have them.
//
// A handshake without an Origin is not of a browser, and is taken: what cannot lend out a user's cookies cannot hijack them.
//
// Origins panics without a pattern, and on one that is malformed. It is for patterns in the program; [ParseOrigins] is for those
// of its environment.
func Origins(patterns ...string) *OriginPolicy {
	p, err := ParseOrigins(patterns...)
	if err != nil {
		panic(err)
	}
	return p
}

// ParseOrigins is [Origins] with an error in place of a panic, for patterns from the program's environment. Spaces around a
// pattern do not count, and an empty one is an error.
func ParseOrigins(patterns ...string) (*OriginPolicy, error) {
	if len(patterns) == 0 {
		return nil, errors.New("authz: Origins without an origin")
	}
	policy := &OriginPolicy{allowed: make([]origin, len(patterns))}
	for i, p := range patterns {
		o, err := parseOrigin(strings.TrimSpace(p))
		if err != nil {
			return nil, fmt.Errorf("authz: Origins: %q: %w", p, err)
		}
		policy.allowed[i] = o
	}
	return policy, nil
}

// DangerouslyAllowAnyOrigin stands where [Origins] does, for development: it lets pages of all origins connect, and fetch
// tickets with the cookies of whoever visits them, and says so in the log, as a warning, when it is made. A nil logger is
// [slog.Default].
func DangerouslyAllowAnyOrigin(l *slog.Logger) *OriginPolicy {
	if l == nil {
		l = slog.Default()
	}
	l.Warn("authz: pages of any origin may connect; this is for development only")
	return &OriginPolicy{any: true}
}

// Authenticate refuses a handshake of another origin with [ErrForbidden]. It names no principal.
func (p *OriginPolicy) Authenticate(_ context.Context, h *Handshake) (Principal, error) {
	return Principal{}, p.check(h.Header.Values("Origin"))
}

// check decides about the values of the header Origin.
func (p *OriginPolicy) check(all []string) error {
	switch {
	case len(all) == 0 || p.any:
		return nil
	case len(all) > 1:
		return fmt.Errorf("%w: the request has %d origins", ErrForbidden, len(all))
	}
	o, err := parseOrigin(all[0])
	if err != nil || o.wildcard {
		return fmt.Errorf("%w: the origin %.200q is malformed", ErrForbidden, all[0])
	}
	if !slices.ContainsFunc(p.allowed, func(a origin) bool { return a.takes(o) }) {
		return fmt.Errorf("%w: the origin %.200q is not allowed", ErrForbidden, all[0])
	}
	return nil
}

// origin is where a page comes from (RFC 6454), or a pattern.
type origin struct {
	scheme, host, port string
	wildcard           bool // host is what follows the first label
}

func (a origin) takes(o origin) bool {
	if a.scheme != o.scheme || a.port != o.port {
		return false
	}
	if !a.wildcard {
		return a.host == o.host
	}
	label, ok := strings.CutSuffix(o.host, "."+a.host)
	return ok && label != ""
}

// parseOrigin reads what RFC 6454 §6.2 calls the serialization of an origin, which has nothing but these parts.
func parseOrigin(s string) (origin, error) {
	if s == "null" || s == "file://" {
		return origin{scheme: s}, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" {
		return origin{}, fmt.Errorf("it has no scheme, as in https://example.com")
	}
	u, err := url.Parse(s)
	if err != nil {
		return origin{}, fmt.Errorf("it is no URL")
	}
	if u.Host != rest || u.User != nil || u.Hostname() == "" {
		return origin{}, fmt.Errorf("it has more than a scheme, a host and a port")
	}
	o := origin{scheme: strings.ToLower(scheme), host: strings.ToLower(u.Hostname()), port: u.Port()}
	if strings.HasSuffix(rest, ":") {
		return origin{}, fmt.Errorf("its port is empty")
	}
	if o.port == "" {
		o.port = map[string]string{"http": "80", "https": "443"}[o.scheme]
	}
	if host, ok := strings.CutPrefix(o.host, "*."); ok {
		o.host, o.wildcard = host, true
	}
	if _, err := netip.ParseAddr(o.host); err == nil && !o.wildcard {
		return o, nil
	}
	return o, checkHost(o.host)
}

func checkHost(host string) error {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return fmt.Errorf("its host %q is not a name of letters, digits and -; others are written in punycode", host)
		}
	}
	return nil
}
