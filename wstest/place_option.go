package wstest

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/gatesock/gatesock/authz"
)

// StageVariable is the environment variable with the address of the deployed stage that
// [Everywhere] runs tests against, such as "wss://abc123.execute-api.eu-west-1.amazonaws.com/prod".
const StageVariable = "GATESOCK_TEST_URL"

// PlaceOption configures [Everywhere] and [NewDeployed]. Every [Option] but [WithPoster] is one,
// too.
type PlaceOption interface{ applyPlace(p *placeSettings) }

// placeSettings are the options of places.
type placeSettings struct {
	harness     []Option // of the places in memory and over loopback
	timeout     time.Duration
	quiet       time.Duration
	stage       *string // nil: that of the environment
	credentials func(testing.TB, authz.Principal) []ConnectOption
	http        *http.Client
}

type placeOption func(*placeSettings)

func (o placeOption) applyPlace(p *placeSettings) { o(p) }

func newPlaceSettings(opts []PlaceOption) placeSettings {
	s := placeSettings{timeout: settleTimeout, quiet: defaultQuiet}
	for _, o := range opts {
		if o == nil {
			panic("wstest: an option of places is nil")
		}
		o.applyPlace(&s)
	}
	return s
}

// forRecorder returns the options of a harness whose application posts through rec.
func (p *placeSettings) forRecorder(rec *Recorder) []Option {
	return append(slices.Clip(p.harness), WithPoster(rec))
}

// WithStage sets the address of the deployed stage, in place of [StageVariable]. Use it where
// several APIs have tests in one module, each with a variable of its own. An empty address means
// that there is no stage.
//
//	wstest.WithStage(os.Getenv("CHAT_URL"))
func WithStage(address string) PlaceOption {
	return placeOption(func(p *placeSettings) { p.stage = &address })
}

// WithCredentials sets how [WithUser] and [WithPrincipal] connect to a deployed stage, where
// somebody has to prove who they are. For each such connection, f returns the options that add what
// the stage's authorizer accepts for this principal: a token, a ticket, an API key, a signature.
//
//	wstest.WithCredentials(func(t testing.TB, p authz.Principal) []wstest.ConnectOption {
//		token := signIn(t, p.ID, p.Scopes) // at a test tenant of the identity provider
//		return []wstest.ConnectOption{wstest.WithHeader("Authorization", "Bearer "+token)}
//	})
//
// f fails t if it can't. What it makes it may delete by t.Cleanup, which runs at the end of the
// test, while clients may still be connected.
//
// In memory and over loopback f is not called: the principal is what an authorizer would have
// returned, as everywhere in this package. To have the API's own authorizer decide in all places,
// connect with [WithHeader], [WithQuery] or [WithSubprotocols] instead, and let the test choose the
// credential by [Place.Deployed].
//
// WithCredentials panics if f is nil.
func WithCredentials(f func(t testing.TB, p authz.Principal) []ConnectOption) PlaceOption {
	if f == nil {
		panic("wstest: WithCredentials: f must not be nil")
	}
	return placeOption(func(p *placeSettings) { p.credentials = f })
}

// WithHTTPClient sets what makes the handshakes with a deployed stage, for a private certificate
// authority, client certificates or a proxy. Its Timeout must be zero, or it would end the
// connections; WithHTTPClient panics otherwise, and if h is nil.
//
// The default honors the environment's proxy (HTTPS_PROXY) and trusts the certificate authorities
// of the system, on Linux those of SSL_CERT_FILE.
func WithHTTPClient(h *http.Client) PlaceOption {
	if h == nil || h.Timeout != 0 {
		panic("wstest: WithHTTPClient: h must not be nil, and its Timeout must be zero")
	}
	return placeOption(func(p *placeSettings) { p.http = h })
}

// defaultQuiet is the default of WithQuiet: longer than a post of a handler that has already
// answered takes to reach a client on another continent.
const defaultQuiet = time.Second

// WithQuiet sets for how long [Client.ExpectNone] listens at a deployed stage. The default is a
// second. WithQuiet panics unless d is positive.
func WithQuiet(d time.Duration) PlaceOption {
	if d <= 0 {
		panic(fmt.Sprintf("wstest: WithQuiet(%v): d must be positive", d))
	}
	return placeOption(func(p *placeSettings) { p.quiet = d })
}

// address returns the address of the stage, or why there is none. An empty variable is an error: a
// deployment that was to test its stage, and has lost its address, must not pass.
func (p *placeSettings) address() (address, none string, err error) {
	if p.stage != nil {
		return *p.stage, "not run at a stage: the address of WithStage is empty", nil
	}
	address, ok := os.LookupEnv(StageVariable)
	if ok && address == "" {
		return "", "", fmt.Errorf("%s is set, but empty: set it to the address of a stage, or unset it", StageVariable)
	}
	return address, fmt.Sprintf("not run at a stage: %s, which has its address, is not set", StageVariable), nil
}

// parseStage returns the address of a stage for handshakes. Its errors do not have the address,
// which may have a password or a token.
func parseStage(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the address of the stage is not valid: %w", withoutURL(err))
	}
	wrong := func(why string) (string, error) {
		return "", fmt.Errorf("the address of the stage must be like "+
			"wss://abc123.execute-api.eu-west-1.amazonaws.com/prod; this one %s", why)
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return wrong(fmt.Sprintf("begins with %q", cmp.Or(clip(u.Scheme), clip(address[:min(len(address), 10)]))))
	case u.Hostname() == "":
		return wrong("has no host")
	case u.User != nil:
		return wrong("has a user")
	case u.RawQuery != "" || u.ForceQuery:
		return wrong("has a query, which WithQuery adds")
	case u.Fragment != "":
		return wrong("has a fragment")
	}
	return u.String(), nil
}
