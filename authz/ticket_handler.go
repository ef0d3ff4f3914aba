package authz

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/rs/cors"
)

// Handler returns an HTTP handler that issues tickets. It answers POST with
// {"ticket":"…","expires":"…"}. authenticate returns the principal of the request, for example of
// its session; an error that is an [ErrUnauthenticated] is answered with 401, an [ErrForbidden]
// with 403, and any other with 500. The ticket is bound to the request's Origin. It panics if
// authenticate is nil.
//
// # Other origins
//
// With [WithOrigins] pages of those origins can fetch a ticket with their cookies:
//
//	await fetch("https://api.example.com/ticket", { method: "POST", credentials: "include" })
//
// The handler answers the preflight request and sets the headers of CORS (Fetch Standard, §3.2),
// never with a wildcard, and with "Vary: Origin". Register it for every method, for example with
// the pattern "/ticket": with "POST /ticket" an [http.ServeMux] refuses the preflight, which is an
// OPTIONS request. If the HTTP API in front of the handler has a CORS configuration of its own,
// turn that off: it would answer instead of the handler.
//
// A request of another origin is answered with 403 before authenticate is called. Without
// WithOrigins that is every request that a browser marks as cross-origin
// ([http.CrossOriginProtection]). A request without an Origin does not come from a page, and
// passes.
func (t *Tickets) Handler(authenticate func(*http.Request) (Principal, error)) http.Handler {
	if authenticate == nil {
		panic("authz: Tickets.Handler: the function must not be nil")
	}
	issue := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, authenticate) })
	if t.origins == nil {
		return issue
	}
	return cors.New(cors.Options{
		AllowOriginFunc:  func(origin string) bool { return t.origins.check([]string{origin}) == nil },
		AllowedMethods:   []string{http.MethodPost},
		AllowedHeaders:   []string{"*"}, // those that a page of such an origin asks for, by name
		AllowCredentials: true,
		MaxAge:           preflightAge,
	}).Handler(issue)
}

// preflightAge is for how long a browser need not repeat the preflight request, in seconds.
const preflightAge = 600

func (t *Tickets) serve(w http.ResponseWriter, r *http.Request, authenticate func(*http.Request) (Principal, error)) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "use POST to get a ticket", http.StatusMethodNotAllowed)
		return
	}
	var issued struct {
		Ticket  string    `json:"ticket"`
		Expires time.Time `json:"expires"`
	}
	var p Principal
	err := t.checkOrigin(r)
	if err == nil {
		p, err = authenticate(r)
	}
	if err == nil {
		issued.Ticket, issued.Expires, err = t.Issue(r.Context(), p, r.Header.Get("Origin"))
	}
	if err != nil {
		t.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(issued)
}

// checkOrigin refuses a request that a page of another site may have made a browser send.
func (t *Tickets) checkOrigin(r *http.Request) error {
	if t.origins != nil {
		return t.origins.check(r.Header.Values("Origin"))
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w; allow pages of other origins with WithOrigins", ErrForbidden, err)
	}
	return nil
}

func (t *Tickets) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := map[verdict]int{
		unauthenticated: http.StatusUnauthorized, forbidden: http.StatusForbidden,
	}[verdictOf(err)]
	level := slog.LevelInfo
	if status == 0 {
		status, level = http.StatusInternalServerError, slog.LevelError
	}
	t.logger().Log(r.Context(), level, "authz: no ticket was issued",
		"status", status, "origin", shorten(r.Header.Get("Origin")), "error", loggable(err))
	http.Error(w, http.StatusText(status), status)
}
