package intercept

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Paths brings the addresses of @connections calls into the form that a gateway serves:
//
//	/base/@connections/id
//
// People write them with and without the stage, with the stage twice, and with double and trailing
// slashes. Put it before everything that looks at paths: [net/http.ServeMux] would redirect such
// calls. A signature of the request stays valid, since RequestURI remains as it was sent.
type Paths struct {
	// Bases are the beginnings of paths that the API has, such as "/dev": for each stage what
	// [emulator.Gateway.BasePath] returns.
	Bases []string
	// BaseOf returns the base of the stage that has a connection, for a call that names none, or "".
	// Default: the only one of Bases.
	BaseOf func(connectionID string) string
	// Noticed is called for each call whose path was changed, with what the client sent and what is
	// served: AWS may not accept it. Default: nothing is called.
	Noticed func(sent, served string)
}

// Handler returns a handler that passes requests on to next. Requests that are no @connections
// call, or that name a stage which Bases do not have, are not changed.
func (p Paths) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.URL.EscapedPath()
		served, ok := p.served(sent)
		path, err := url.PathUnescape(served)
		if !ok || served == sent || err != nil {
			next.ServeHTTP(w, r)
			return
		}
		if p.Noticed != nil {
			p.Noticed(sent, served)
		}
		changed := r.WithContext(r.Context())
		address := *r.URL
		address.Path, address.RawPath = path, served
		changed.URL = &address
		next.ServeHTTP(w, changed)
	})
}

// served returns the usual form of an escaped path; false if it has none.
func (p Paths) served(path string) (string, bool) {
	segments := slices.DeleteFunc(strings.Split(path, "/"), func(segment string) bool { return segment == "" })
	at := slices.IndexFunc(segments, func(segment string) bool { return unescape(segment) == "@connections" })
	if at < 0 || at != len(segments)-2 {
		return "", false
	}
	base, ok := p.base(segments[:at], unescape(segments[at+1]))
	return base + "/" + segments[at] + "/" + segments[at+1], ok
}

// base returns the base that the segments before @connections name, once or repeatedly.
func (p Paths) base(segments []string, connectionID string) (string, bool) {
	if len(segments) == 0 {
		return p.unnamed(connectionID)
	}
	named := "/" + unescape(strings.Join(segments, "/"))
	for _, base := range p.Bases {
		if repeats(named, base) {
			return base, true
		}
	}
	return "", false
}

// repeats reports whether a path is a base that is written once or several times.
func repeats(path, base string) bool {
	for base != "" && strings.HasPrefix(path+"/", base+"/") {
		if path = path[len(base):]; path == "" {
			return true
		}
	}
	return false
}

// unnamed returns the base for a call that names none.
func (p Paths) unnamed(connectionID string) (string, bool) {
	switch {
	case slices.Contains(p.Bases, ""):
		return "", true
	case p.BaseOf != nil:
		base := p.BaseOf(connectionID)
		return base, slices.Contains(p.Bases, base)
	case len(p.Bases) == 1:
		return p.Bases[0], true
	}
	return "", false
}

// unescape removes escapes, of which there may be two layers, as the gateway does: SDKs escape "@"
// and "=", and some sign, and send, what they have escaped twice.
func unescape(text string) string {
	for range 2 {
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	return text
}
