package authz

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// OriginPolicy decides from which origins pages may connect. It is an [Authenticator] for
// handshakes, and [WithOrigins] makes it guard [Tickets.Handler]. See [Origins], [ParseOrigins] and
// [DangerouslyAllowAnyOrigin].
type OriginPolicy struct {
	allowed []origin
	any     bool
}

// Origins returns a policy that lets only pages of these origins connect. Browsers send the origin
// of the page with every handshake, and the user's cookies with handshakes of any page: without
// this check, each page that a user visits can open a connection as that user (cross-site WebSocket
// hijacking; OWASP WebSocket Security Cheat Sheet).
//
// It does not authenticate. Use it together with an Authenticator that does:
//
//	authz.All(authz.Origins("https://app.example.com"), authz.Bearer(sessions, authz.Cookie("session")))
//
// It panics without a pattern and if one is malformed. [ParseOrigins] is for patterns from outside
// the program.
//
// # Patterns
//
// An origin is a scheme, a host and a port, which defaults to the port of the scheme. All three
// must be equal. The first label of a pattern's host may be "*", which stands for one label or
// more: "https://*.example.com" allows https://a.example.com and https://a.b.example.com, but not
// https://example.com, https://evil-example.com or https://example.com.evil.test.
//
// "null", the origin of sandboxed pages and files, and "file://", of pages in Electron and Cordova,
// are allowed only if they are named. Any file that a user opens may have these origins.
//
// A handshake without an Origin is not from a browser, and passes: a client that can't use a user's
// cookies can't hijack them.
func Origins(patterns ...string) *OriginPolicy {
	p, err := ParseOrigins(patterns...)
	if err != nil {
		panic(err)
	}
	return p
}

// ParseOrigins is [Origins] for patterns from the program's environment: it returns an error where
// Origins panics. Spaces around a pattern are ignored. An empty pattern is an error.
func ParseOrigins(patterns ...string) (*OriginPolicy, error) {
	if len(patterns) == 0 {
		return nil, errors.New("authz: origins: there is no pattern; name at least one origin")
	}
	policy := &OriginPolicy{allowed: make([]origin, len(patterns))}
	for i, p := range patterns {
		o, err := parseOrigin(strings.TrimSpace(p))
		if err != nil {
			return nil, fmt.Errorf("authz: origins: %q: %w", p, err)
		}
		policy.allowed[i] = o
	}
	return policy, nil
}

// DangerouslyAllowAnyOrigin returns a policy for development that lets pages of all origins
// connect, and fetch tickets with the cookies of any user who visits them. It logs a warning when
// it is called. It takes the option [WithLogger].
func DangerouslyAllowAnyOrigin(opts ...Option) *OriginPolicy {
	s := newSettings("DangerouslyAllowAnyOrigin", opts, "WithLogger")
	s.logger().Warn("authz: pages of any origin may connect; use this for development only")
	return &OriginPolicy{any: true}
}

// Authenticate refuses a handshake of another origin with [ErrForbidden]. It returns a principal
// without an ID.
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

// origin is the origin of a page (RFC 6454), or a pattern for origins.
type origin struct {
	scheme, host, port string
	wildcard           bool // host is the part after the first label
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

// parseOrigin parses the serialization of an origin (RFC 6454 §6.2), which has no other parts.
func parseOrigin(s string) (origin, error) {
	if s == "null" || s == "file://" {
		return origin{scheme: s}, nil
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme == "" {
		return origin{}, errors.New("no scheme; want scheme, host and port, as in https://example.com")
	}
	u, err := url.Parse(s)
	if err != nil {
		return origin{}, errors.New("malformed URL")
	}
	if u.Host != rest || u.User != nil || u.Hostname() == "" {
		return origin{}, errors.New("want a scheme, a host and a port, and nothing else")
	}
	o := origin{scheme: strings.ToLower(scheme), host: strings.ToLower(u.Hostname()), port: u.Port()}
	if strings.HasSuffix(rest, ":") {
		return origin{}, errors.New("empty port")
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
			return fmt.Errorf("host %q: want letters, digits and hyphens, and punycode for other characters", host)
		}
	}
	return nil
}
