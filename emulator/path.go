package emulator

import (
	"net/url"
	"strings"
)

// pathKind says what an address of the gateway is for.
type pathKind int

const (
	pathUnmatched  pathKind = iota // of this API, but of nothing in it
	pathForbidden                  // of no stage or mapping that exists
	pathStage                      // where clients connect
	pathConnection                 // @connections/{id}
)

type path struct {
	kind  pathKind
	id    string // pathConnection
	route string // pathUnmatched: what was asked for, after the stage or the mapping
}

// parsePath tells what the path of an address is for. The path may be escaped once or twice: SDKs escape "@" and
// "=", and sign what they have escaped twice (§7 of docs/gateway-facts.md).
func (g *Gateway) parsePath(escaped string) path {
	text := unescape(unescape(escaped))
	rest, ok := strings.CutPrefix(text, g.BasePath())
	if !ok || rest != "" && rest[0] != '/' {
		return path{kind: pathForbidden}
	}
	rest = strings.TrimPrefix(rest, "/")
	if rest == "" {
		return path{kind: pathStage}
	}
	if id, ok := strings.CutPrefix(rest, "@connections/"); ok && id != "" && !strings.Contains(id, "/") {
		return path{kind: pathConnection, id: id}
	}
	return path{kind: pathUnmatched, route: rest}
}

// BasePath is what the path of every address of the gateway begins with: "/" and the stage, or, with
// Config.CustomDomain, "/" and Config.BasePath; empty if that is.
func (g *Gateway) BasePath() string {
	if g.cfg.CustomDomain {
		return strings.TrimSuffix("/"+g.cfg.BasePath, "/")
	}
	return "/" + g.cfg.Stage
}

// unescape removes one layer of escapes, if there is a well-formed one.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
