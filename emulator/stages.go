package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
)

// Stages are gateways behind one address: several stages of an API, several APIs, or both. It is a
// [net/http.Handler] and a [gatesock.ConnectionsAPI]. It is safe for concurrent use, and does not
// change: for another stage make another one.
//
// The host of a request, without its port, chooses the API if it is one of its names: its name on
// AWS, "{APIID}.execute-api.{Region}.amazonaws.com", its Config.DomainName, or "{APIID}.localhost".
// For other hosts, such as localhost, all gateways count. Then the path chooses among them, by the
// stage or by the key of the API mapping, of which the longest counts. So APIs with a common custom
// domain differ in Config.BasePath, as on AWS.
//
// If that leaves several APIs, which have a stage of the same name, a call of @connections goes to
// the one that has the connection. A handshake gets 421, with the names.
//
// A path that no gateway has goes to the first one with Config.Pages, or to the first one, which
// answers 403.
type Stages struct{ gateways []*Gateway }

var _ gatesock.ConnectionsAPI = (*Stages)(nil)

// NewStages returns the gateways as one handler. The error is for no gateway, a nil one, and two
// whose requests nothing could tell apart: the same API and stage, or the same domain and mapping.
func NewStages(gateways ...*Gateway) (*Stages, error) {
	if len(gateways) == 0 {
		return nil, errors.New("emulator: NewStages: no gateway")
	}
	for i, g := range gateways {
		if g == nil {
			return nil, errors.New("emulator: NewStages: a nil gateway")
		}
		for _, other := range gateways[:i] {
			if err := g.config().collides(other.config()); err != nil {
				return nil, fmt.Errorf("emulator: NewStages: %w", err)
			}
		}
	}
	return &Stages{slices.Clone(gateways)}, nil
}

// collides returns an error if the same requests are for both.
func (c *Config) collides(other *Config) error {
	switch {
	case c.executeAPI() == other.executeAPI() && c.Stage == other.Stage:
		return fmt.Errorf("two gateways of stage %q of API %q", c.Stage, c.APIID)
	case c.CustomDomain && other.CustomDomain && c.BasePath == other.BasePath &&
		hostname(c.DomainName) == hostname(other.DomainName):
		return fmt.Errorf("two gateways of the mapping %q of domain %q", c.BasePath, c.DomainName)
	}
	return nil
}

// ServeHTTP passes a request on to the gateway that it is for.
func (s *Stages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found := s.find(r.Host, r.URL.EscapedPath())
	if len(found) > 1 {
		writeMessage(w, http.StatusMisdirectedRequest, "", "Several APIs have this path. Use one of these hosts: "+names(found))
		return
	}
	found[0].ServeHTTP(w, r)
}

// names returns the hosts of the gateways on this machine.
func names(gateways []*Gateway) string {
	hosts := make([]string, 0, len(gateways))
	for _, g := range gateways {
		hosts = append(hosts, g.config().localName())
	}
	return strings.Join(hosts, ", ")
}

// localName returns the host name of the API on this machine: names below localhost are this
// machine's (RFC 6761).
func (c *Config) localName() string { return strings.ToLower(c.APIID) + ".localhost" }

// isNamed reports whether a host is a name of the API.
func (c *Config) isNamed(host string) bool {
	name := hostname(host)
	return name != "" && (name == c.localName() || name == hostname(c.executeAPI()) || name == hostname(c.DomainName))
}

// find returns the gateway that a request is for, or several that nothing tells apart.
func (s *Stages) find(host, escaped string) []*Gateway {
	named := s.gateways
	if by := filter(named, func(g *Gateway) bool { return g.config().isNamed(host) }); len(by) > 0 {
		named = by
	}
	longest := -1
	var found []*Gateway
	var at path
	for _, g := range named {
		cfg := g.config()
		p, base := cfg.parsePath(host, escaped), len(cfg.basePathAt(host))
		switch {
		case p.kind == pathForbidden || base < longest:
		case base > longest:
			longest, found, at = base, []*Gateway{g}, p
		default:
			found = append(found, g)
		}
	}
	if len(found) > 1 && at.kind == pathConnection {
		found = having(found, at.id)
	}
	if len(found) > 0 {
		return found
	}
	withPages := filter(named, func(g *Gateway) bool { return g.config().Pages != nil })
	return append(withPages, named...)[:1]
}

// having returns the gateway that has a connection, or else the first.
func having(gateways []*Gateway, id string) []*Gateway {
	if by := filter(gateways, func(g *Gateway) bool { _, ok := g.Session(id); return ok }); len(by) > 0 {
		return by
	}
	return gateways[:1]
}

func filter(gateways []*Gateway, is func(*Gateway) bool) (kept []*Gateway) {
	for _, g := range gateways {
		if is(g) {
			kept = append(kept, g)
		}
	}
	return kept
}

// of returns the gateway that a call is for: the one that its endpoint names, or, without an
// endpoint, the one that has the connection.
func (s *Stages) of(to gatesock.Target) *Gateway {
	if to.Endpoint != "" {
		if u, err := url.Parse(to.Endpoint); err == nil {
			return having(s.find(u.Host, u.EscapedPath()), to.ConnectionID)[0]
		}
	}
	return having(s.gateways, to.ConnectionID)[0]
}

// Post is [Gateway.Post] of the gateway that the target's endpoint names, or, without an endpoint,
// of the one that has the connection.
func (s *Stages) Post(ctx context.Context, to gatesock.Target, data []byte) error {
	return s.of(to).Post(ctx, to, data)
}

// Info is [Gateway.Info] of the gateway that [Stages.Post] chooses.
func (s *Stages) Info(ctx context.Context, of gatesock.Target) (gatesock.ConnectionInfo, error) {
	return s.of(of).Info(ctx, of)
}

// Disconnect is [Gateway.Disconnect] of the gateway that [Stages.Post] chooses.
func (s *Stages) Disconnect(ctx context.Context, from gatesock.Target) error {
	return s.of(from).Disconnect(ctx, from)
}
