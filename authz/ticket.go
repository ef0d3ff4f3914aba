package authz

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/rs/cors"
)

// ErrNoTicket says that a [TicketStore] has no such ticket: it was used, has expired, or never was.
var ErrNoTicket = errors.New("authz: no such ticket")

// Ticket is what a one-time ticket stands for.
type Ticket struct {
	Principal Principal
	// Origin is that of the page that the ticket was issued to; empty if it was not issued to a page.
	Origin string
	// Expires is when it ends, in UTC.
	ExpiresAt time.Time
}

// TicketStore keeps tickets by a hash of what the client has, so that those that read the store can't use them. It is safe for
// concurrent use, takes nothing over from the caller but copies, and fails with the context's error once that has ended.
// Package authz/authztest has the suite of what it promises.
type TicketStore interface {
	// Create keeps a ticket until it expires. It fails, and changes nothing, if there is one with the same hash.
	Create(ctx context.Context, hash string, t Ticket) error
	// Consume removes a ticket and returns it. Of callers at the same time, in whatever process, one gets it and all others
	// [ErrNoTicket]. A ticket that has expired may be returned or not.
	Consume(ctx context.Context, hash string) (Ticket, error)
}

// DefaultTicketTTL is how long a ticket is good.
const DefaultTicketTTL = 30 * time.Second

// Tickets issues one-time tickets, with which a page opens a connection: browsers can't send an Authorization header with a
// WebSocket, and a token in a URL ends up in logs. A ticket in a log is worth nothing, since it was used.
//
// The page gets one over HTTP, as whoever it is there, and connects with it at once:
//
//	const { ticket } = await (await fetch("/ticket", { method: "POST" })).json()
//	new WebSocket(url + "?ticket=" + ticket)
//
// A page of another origin than that of the HTTP API is let in by Origins, with its cookies:
//
//	tickets := &authz.Tickets{Store: store, Origins: authz.Origins("https://app.example.com")}
//	…
//	await fetch("https://api.example.com/ticket", { method: "POST", credentials: "include" })
//
// It is safe for concurrent use, and must not be changed when it is used. See [Tickets.Handler] and
// [Tickets.Authenticator].
type Tickets struct {
	// Store keeps them: [MemoryTickets] where one process issues and takes them.
	Store TicketStore
	// Origins are those of the pages that [Tickets.Handler] issues tickets to: the same as guard the handshake. Nil lets only
	// pages of the handler's own origin ask.
	Origins *OriginPolicy
	// Time is how long one is good; 0 is [DefaultTicketTTL].
	TTL time.Duration
	// Clock returns the time; nil is [time.Now].
	Clock func() time.Time
	// Logger gets what fails while issuing; nil is [slog.Default].
	Logger *slog.Logger
}

// Issue makes a ticket for a principal, which only pages of the origin can use; "" for clients that are no browser. It
// expires with the principal, if that is earlier.
func (t *Tickets) Issue(ctx context.Context, p Principal, origin string) (ticket string, expires time.Time, err error) {
	if err := p.check(); err != nil {
		return "", time.Time{}, err
	}
	if len(origin) > maxOrigin {
		return "", time.Time{}, fmt.Errorf("%w: the origin has %d bytes, the most is %d", ErrForbidden, len(origin), maxOrigin)
	}
	now := t.now()
	expires = now.Add(cmp.Or(t.TTL, DefaultTicketTTL)).UTC()
	if p.Expired(now) {
		return "", time.Time{}, fmt.Errorf("%w: the principal has expired", ErrUnauthenticated)
	}
	if !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(expires) {
		expires = p.ExpiresAt.UTC()
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // It never fails.
	ticket = base64.RawURLEncoding.EncodeToString(secret[:])
	if err := t.Store.Create(ctx, hashOf(ticket), Ticket{Principal: p, Origin: origin, ExpiresAt: expires}); err != nil {
		return "", time.Time{}, fmt.Errorf("authz: keep a ticket: %w", err)
	}
	return ticket, expires, nil
}

// maxOrigin is how long an origin may be, in bytes: a scheme, a host name of 253 bytes (RFC 1035 §2.3.4) and a port.
const maxOrigin = 512

// ticketSize is how long a ticket is.
var ticketSize = base64.RawURLEncoding.EncodedLen(32) //nolint:gochecknoglobals // A constant.

func hashOf(ticket string) string {
	sum := sha256.Sum256([]byte(ticket))
	return hex.EncodeToString(sum[:])
}

// Authenticator takes the ticket of a handshake, from the query parameter "ticket" if no source is given. It is used up by
// that, also if it is refused: another try needs another ticket. A ticket of another origin than the page's, or that
// has expired or was used, is an [ErrUnauthenticated]. It panics if a source is nil or the Tickets have no Store.
func (t *Tickets) Authenticator(sources ...Source) Authenticator {
	t.mustHaveStore()
	checkSources("Tickets.Authenticator", sources)
	if len(sources) == 0 {
		sources = []Source{QueryParameter("ticket")}
	}
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		for _, s := range sources {
			if ticket := s.Token(h); ticket != "" {
				return t.use(ctx, ticket, h.Header.Get("Origin"))
			}
		}
		return Principal{}, ErrNoCredential
	})
}

func (t *Tickets) use(ctx context.Context, ticket, origin string) (Principal, error) {
	if len(ticket) != ticketSize {
		return Principal{}, fmt.Errorf("%w: this is no ticket", ErrUnauthenticated)
	}
	is, err := t.Store.Consume(ctx, hashOf(ticket))
	switch {
	case errors.Is(err, ErrNoTicket):
		return Principal{}, fmt.Errorf("%w: the ticket was used, has expired or never was", ErrUnauthenticated)
	case err != nil:
		return Principal{}, fmt.Errorf("authz: use a ticket: %w", err)
	case !t.now().Before(is.ExpiresAt):
		return Principal{}, fmt.Errorf("%w: the ticket has expired", ErrUnauthenticated)
	case !strings.EqualFold(is.Origin, origin):
		return Principal{}, fmt.Errorf("%w: the ticket is of origin %.200q, the handshake of %.200q", ErrUnauthenticated, is.Origin, origin)
	}
	return is.Principal, nil
}

// Handler issues tickets over HTTP, for POST: {"ticket":"…","expires":"…"}. who says whose request it is, as by its session; an
// error that is an [ErrUnauthenticated] is answered with 401, an [ErrForbidden] with 403, others with 500. The ticket is
// bound to the request's Origin. It panics if who is nil or the Tickets have no Store.
//
// A page may fetch a ticket, with its cookies, from every origin that Origins takes: the handler answers the preflight and sets
// the headers of CORS (Fetch Standard, §3.2), never with a wildcard, and with "Vary: Origin". A request of another origin is
// answered with 403, before who is asked; without Origins that is every request that a browser calls cross-origin
// ([http.CrossOriginProtection]). A request without an Origin is not of a browser's page, and passes. Where the HTTP API in front of
// the handler has a CORS configuration of its own, leave it off: it would answer in the handler's place. Register the handler for
// every method, as with the pattern "/ticket": with "POST /ticket" an [http.ServeMux] refuses the preflight, which is an OPTIONS.
func (t *Tickets) Handler(who func(*http.Request) (Principal, error)) http.Handler {
	if who == nil {
		panic("authz: Tickets.Handler with a nil function")
	}
	t.mustHaveStore()
	issue := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.serve(w, r, who) })
	if t.Origins == nil {
		return issue
	}
	return cors.New(cors.Options{
		AllowOriginFunc:  func(origin string) bool { return t.Origins.check([]string{origin}) == nil },
		AllowedMethods:   []string{http.MethodPost},
		AllowedHeaders:   []string{"*"}, // those that a page of such an origin asks for, by name
		AllowCredentials: true,
		MaxAge:           preflightAge,
	}).Handler(issue)
}

func (t *Tickets) mustHaveStore() {
	if t.Store == nil {
		panic("authz: Tickets without a Store; MemoryTickets is one")
	}
}

// preflightAge is for how long a browser needs to ask no second time, in seconds.
const preflightAge = 600

func (t *Tickets) serve(w http.ResponseWriter, r *http.Request, who func(*http.Request) (Principal, error)) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST for a ticket", http.StatusMethodNotAllowed)
		return
	}
	var issued struct {
		Ticket  string    `json:"ticket"`
		Expires time.Time `json:"expires"`
	}
	var p Principal
	err := t.checkOrigin(r)
	if err == nil {
		p, err = who(r)
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

// checkOrigin refuses a request that another site's page may have had a browser send.
func (t *Tickets) checkOrigin(r *http.Request) error {
	if t.Origins != nil {
		return t.Origins.check(r.Header.Values("Origin"))
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w; Tickets.Origins lets pages of other origins ask", ErrForbidden, err)
	}
	return nil
}

func (t *Tickets) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := map[verdict]int{unauthenticated: http.StatusUnauthorized, forbidden: http.StatusForbidden}[verdictOf(err)]
	level := slog.LevelInfo
	if status == 0 {
		status, level = http.StatusInternalServerError, slog.LevelError
	}
	cmp.Or(t.Logger, slog.Default()).Log(r.Context(), level, "authz: no ticket is issued",
		"status", status, "origin", shorten(r.Header.Get("Origin")), "error", loggable(err))
	http.Error(w, http.StatusText(status), status)
}

func (t *Tickets) now() time.Time { return clockOf(t.Clock) }

// MemoryTickets is a [TicketStore] in memory. It holds up to [MaxMemoryPerPrincipal] tickets of a principal, of which one more puts
// out the oldest, and up to [MaxMemoryEntries] of all together: one more is refused with [ErrMemoryFull], unless one has
// expired, so that nobody can put out the tickets of others. The zero value is ready to use.
type MemoryTickets struct {
	// Clock returns the time; nil is [time.Now].
	Clock func() time.Time

	tickets quotas[Ticket]
}

// Create keeps a ticket.
func (s *MemoryTickets) Create(ctx context.Context, hash string, t Ticket) error {
	if err := ended(ctx); err != nil {
		return err
	}
	t.Principal = t.Principal.own()
	err := s.tickets.add(hash, t.Principal.ID, t, t.ExpiresAt, clockOf(s.Clock))
	if errors.Is(err, errTaken) {
		return errors.New("authz: create a ticket: there is one with this hash")
	}
	return err
}

// Consume removes a ticket and returns it.
func (s *MemoryTickets) Consume(ctx context.Context, hash string) (Ticket, error) {
	if err := ended(ctx); err != nil {
		return Ticket{}, err
	}
	t, ok := s.tickets.take(hash)
	if !ok {
		return Ticket{}, ErrNoTicket
	}
	return t, nil
}

// clockOf returns the time of the wall clock: the monotonic one stands still while Lambda has the process frozen.
func clockOf(clock func() time.Time) time.Time {
	if clock == nil {
		clock = time.Now
	}
	return clock().Round(0)
}
