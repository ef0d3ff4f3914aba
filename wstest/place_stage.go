package wstest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/emulator"
)

// stage is a deployed stage, as a test sees it.
type stage struct {
	t           testing.TB
	address     string
	http        *http.Client
	quiet       time.Duration
	credentials func(testing.TB, authz.Principal) []ConnectOption

	clients
}

func newStage(t testing.TB, address string, s placeSettings, names gatesock.Envelope) *stage {
	t.Helper()
	address, err := parseStage(address)
	if err != nil {
		t.Fatalf("wstest: %v", err)
		return nil
	}
	st := &stage{t: t, address: address, http: s.http, quiet: s.quiet, credentials: s.credentials}
	if st.http == nil {
		st.http = newStageClient()
	}
	st.now, st.timeout, st.envelope = time.Now, s.timeout, names
	st.ids.Store(firstID())
	t.Cleanup(st.close)
	return st
}

// newStageClient returns a client that leaves no idle connection, and follows no redirect with
// credentials that are for the stage.
func newStageClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if usual, ok := http.DefaultTransport.(*http.Transport); ok {
		transport = usual.Clone()
	}
	transport.DisableKeepAlives = true
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// firstID returns where the ids of requests begin: not where those of other runs do, since an
// application may remember the ids of a user's requests.
func firstID() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])                     // it never fails
	return binary.BigEndian.Uint64(b[:]) >> 12 // below 2^52, which all languages count exactly
}

func (s *stage) connect(opts []ConnectOption) *Client {
	s.t.Helper()
	c, refused := s.dial(opts)
	if refused != nil {
		s.t.Fatalf("wstest: expected the connection to open, but %s refused it with status %d %s%s",
			s.address, refused.StatusCode, clip(refused.Message), hint(refused.StatusCode))
	}
	return c
}

func (s *stage) connectRefused(opts []ConnectOption) int {
	s.t.Helper()
	c, refused := s.dial(opts)
	switch {
	case refused == nil:
		s.t.Fatalf("wstest: expected the connection to be refused, but it opened as %s", c)
		return 0
	case refused.StatusCode == http.StatusTooManyRequests:
		s.t.Fatalf("wstest: expected the client to be refused, but %s answered with status 429 %s%s",
			s.address, clip(refused.Message), hint(refused.StatusCode))
	}
	return refused.StatusCode
}

// hint says what the status of a handshake means that nobody has expected.
func hint(status int) string {
	switch {
	case status == http.StatusTooManyRequests:
		return ": the stage throttles handshakes; run fewer tests at once (go test -parallel), or raise its limits"
	case status == http.StatusUnauthorized:
		return ": the credentials are missing or wrong (see WithCredentials)"
	case status == http.StatusForbidden:
		return ": the credentials are wrong, or there is no such stage"
	case status < http.StatusBadRequest, status == http.StatusNotFound, status == http.StatusUpgradeRequired:
		return ": this may not be the address of a WebSocket API"
	}
	return ""
}

// dial connects a client, or returns how the connection was refused.
func (s *stage) dial(opts []ConnectOption) (*Client, *emulator.HandshakeError) {
	s.t.Helper()
	r := newRequest(opts)
	c := s.newClient(s.t, r)
	if err := s.authenticate(r); err != nil {
		s.t.Fatalf("wstest: %s can't connect to %s: %v", c, s.address, err)
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	conn, refused, err := openSocket(ctx, s.http, s.address, r.Header.Clone(), r)
	if err != nil {
		s.t.Fatalf("wstest: %s can't reach the stage %s: %v%s", c, s.address, err, explain(err))
		return nil, nil
	}
	if conn == nil {
		return nil, refused
	}
	c.subprotocol = conn.Subprotocol()
	c.link = newStageLink(s, conn, c)
	s.add(c)
	return c, nil
}

// explain adds what to do about an error of a connection.
func explain(err error) string {
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) {
		return " (for a private certificate authority, see WithHTTPClient)"
	}
	return ""
}

// authenticate adds the credentials of the principal to a handshake.
func (s *stage) authenticate(r *request) error {
	switch {
	case r.err != nil:
		return r.err
	case r.emulated != "":
		return fmt.Errorf("%s needs the emulated gateway: run this test in memory or over loopback (see Place.Deployed)", r.emulated)
	case r.principal == nil:
		return nil
	case s.credentials == nil:
		return errors.New("WithUser and WithPrincipal need the option WithCredentials at a deployed stage: " +
			"it turns a principal into a token, a key or a ticket")
	}
	who := *r.principal
	r.principal = nil
	for _, o := range s.credentials(s.t, who) {
		if o == nil {
			return errors.New("the function of WithCredentials returned an option that is nil")
		}
		o.applyConnect(r)
	}
	if r.principal != nil || r.emulated != "" {
		return errors.New("the function of WithCredentials must return what proves who connects, such as WithHeader, " +
			"and not WithUser, WithPrincipal, WithAuthorizerContext or WithSourceIP")
	}
	return nil
}

// close closes the clients that are still connected, and waits for their goroutines.
func (s *stage) close() {
	var all sync.WaitGroup
	for _, c := range s.connected() {
		all.Go(func() {
			c.inbox.end(closing{own: true})
			_ = c.link.close(context.Background(), int(websocket.StatusNormalClosure), "")
		})
	}
	all.Wait()
}

// stageLink is a link over a socket to a deployed stage.
type stageLink struct {
	*socket

	stage *stage
}

func newStageLink(s *stage, conn *websocket.Conn, c *Client) *stageLink {
	return &stageLink{newSocket(conn, c.inbox), s}
}

// send gives up when the stage has taken nothing for the timeout.
func (l *stageLink) send(ctx context.Context, data []byte, binary bool) error {
	ctx, cancel := context.WithTimeout(ctx, l.stage.timeout)
	defer cancel()
	return l.socket.send(ctx, data, binary)
}

func (l *stageLink) close(_ context.Context, code int, reason string) error {
	l.shut(code, reason)
	return nil
}

func (l *stageLink) abort(context.Context) error {
	l.hangUp()
	return nil
}

// settle pings for every client: the pong means that the stage is there, and has received what the
// client has sent. Then it listens until something arrives that is not expected, or the time of
// WithQuiet is over.
func (l *stageLink) settle(ctx context.Context) error {
	for _, c := range l.stage.connected() {
		other, ok := c.link.(*stageLink)
		if !ok {
			continue
		}
		if err := other.ping(ctx); err != nil {
			return fmt.Errorf("the stage does not answer %s: %w", c, err)
		}
	}
	quiet := time.NewTimer(l.stage.quiet)
	defer quiet.Stop()
	for {
		now := l.inbox.current()
		if now.ended || l.inbox.unexpected() > 0 {
			return nil
		}
		select {
		case <-now.changed:
		case <-quiet.C:
			return nil
		}
	}
}
