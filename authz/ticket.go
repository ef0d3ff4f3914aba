package authz

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrNoTicket is the error of a [TicketStore] that has no such ticket: it was used, has expired, or
// was never issued.
var ErrNoTicket = errors.New("authz: no such ticket")

// Ticket is what a one-time ticket stands for.
type Ticket struct {
	Principal Principal
	// Origin is the origin of the page that the ticket was issued to; empty if it was not a page.
	Origin string
	// ExpiresAt is in UTC.
	ExpiresAt time.Time
}

// TicketStore keeps tickets under a hash of the text that the client has, so that a reader of the
// store can't use them. [NewMemoryTickets] returns one for a single process. Package
// authz/authztest has its conformance suite.
//
// It is safe for concurrent use, keeps copies of what it is given, and fails with the context's
// error once the context has ended.
type TicketStore interface {
	// Create keeps a ticket until it expires. It fails, and changes nothing, if there is a ticket
	// with the same hash.
	Create(ctx context.Context, hash string, t Ticket) error
	// Consume removes a ticket and returns it. Of several calls at the same time, in any processes,
	// one gets the ticket, and all others [ErrNoTicket]. It may return a ticket that has expired.
	Consume(ctx context.Context, hash string) (Ticket, error)
}

// Tickets issues one-time tickets with which pages open connections. Browsers can't send an
// Authorization header with a WebSocket, and a token in a URL ends up in logs; a ticket in a log is
// worthless, since it was used.
//
// A page asks your HTTP API for a ticket, with the session that it has there, and connects at once:
//
//	const { ticket } = await (await fetch("/ticket", { method: "POST" })).json()
//	new WebSocket(url + "?ticket=" + ticket)
//
// The program serves [Tickets.Handler] at /ticket, and lets [Tickets.Authenticator] decide about
// handshakes:
//
//	origins := authz.Origins("https://app.example.com")
//	tickets := authz.NewTickets(store, authz.WithOrigins(origins))
//
// It is safe for concurrent use. See [NewTickets].
type Tickets struct {
	settings

	store TicketStore
}

// NewTickets returns Tickets that are kept in a store: the one that [NewMemoryTickets] returns if a
// single process issues and accepts them. It takes the options [WithTicketTTL], [WithOrigins],
// [WithClock] and [WithLogger], which gets the errors of issuing. It panics if store is nil.
func NewTickets(store TicketStore, opts ...Option) *Tickets {
	if store == nil {
		panic("authz: NewTickets: store must not be nil")
	}
	return &Tickets{
		settings: newSettings("NewTickets", opts, "WithTicketTTL", "WithOrigins", "WithClock", "WithLogger"),
		store:    store,
	}
}

// Issue returns a ticket for a principal that only pages of the origin can use; the origin of
// clients that are not browsers is "". The ticket expires with the principal if that is earlier
// than [WithTicketTTL].
//
// It fails if the principal has no ID, or a scope, role or attribute that [Principal.Validate]
// refuses; with an [ErrUnauthenticated] if it has expired; with an [ErrForbidden] if the origin has
// more than 512 bytes; and if the store fails.
func (t *Tickets) Issue(ctx context.Context, p Principal, origin string) (ticket string, expires time.Time, err error) {
	if err := p.check(); err != nil {
		return "", time.Time{}, err
	}
	if len(origin) > maxOrigin {
		return "", time.Time{}, fmt.Errorf("%w: the origin has %d bytes, the limit is %d", ErrForbidden, len(origin), maxOrigin)
	}
	now := t.now()
	if p.Expired(now) {
		return "", time.Time{}, fmt.Errorf("%w: the principal has expired", ErrUnauthenticated)
	}
	expires = now.Add(t.ttl).UTC()
	if !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(expires) {
		expires = p.ExpiresAt.UTC()
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // It never fails.
	ticket = base64.RawURLEncoding.EncodeToString(secret[:])
	if err := t.store.Create(ctx, hashOf(ticket), Ticket{Principal: p, Origin: origin, ExpiresAt: expires}); err != nil {
		return "", time.Time{}, fmt.Errorf("authz: keep a ticket: %w", err)
	}
	return ticket, expires, nil
}

// maxOrigin is the longest origin, in bytes: a scheme, a host name of 253 bytes (RFC 1035 §2.3.4)
// and a port.
const maxOrigin = 512

// ticketSize is the length of a ticket.
var ticketSize = base64.RawURLEncoding.EncodedLen(32) //nolint:gochecknoglobals // A constant.

func hashOf(ticket string) string {
	sum := sha256.Sum256([]byte(ticket))
	return hex.EncodeToString(sum[:])
}

// Authenticator returns an Authenticator that takes the ticket of a handshake from the first source
// that has one, or from the query parameter "ticket" if no source is named. Each attempt uses the
// ticket up, also one that is refused. A ticket that was used, has expired or was issued to another
// origin is an [ErrUnauthenticated]. It panics if a source is nil.
func (t *Tickets) Authenticator(sources ...Source) Authenticator {
	checkSources("Tickets.Authenticator", sources)
	if len(sources) == 0 {
		sources = []Source{QueryParameter("ticket")}
	}
	return AuthenticatorFunc(func(ctx context.Context, h *Handshake) (Principal, error) {
		ticket := firstToken(h, sources)
		if ticket == "" {
			return Principal{}, ErrNoCredential
		}
		return t.use(ctx, ticket, h.Header.Get("Origin"))
	})
}

func (t *Tickets) use(ctx context.Context, ticket, origin string) (Principal, error) {
	if len(ticket) != ticketSize {
		return Principal{}, fmt.Errorf("%w: malformed ticket", ErrUnauthenticated)
	}
	is, err := t.store.Consume(ctx, hashOf(ticket))
	switch {
	case errors.Is(err, ErrNoTicket):
		return Principal{}, fmt.Errorf("%w: ticket already used, expired or never issued", ErrUnauthenticated)
	case err != nil:
		return Principal{}, fmt.Errorf("authz: use a ticket: %w", err)
	case !t.now().Before(is.ExpiresAt):
		return Principal{}, fmt.Errorf("%w: the ticket has expired", ErrUnauthenticated)
	case !strings.EqualFold(is.Origin, origin):
		return Principal{}, fmt.Errorf("%w: the ticket was issued to origin %.200q, the handshake is of %.200q",
			ErrUnauthenticated, is.Origin, origin)
	}
	return is.Principal, nil
}
