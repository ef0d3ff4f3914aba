package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/eventmux"
	"github.com/gatesock/gatesock/internal/sigv4"
)

// Two users: one that may do everything, and one with temporary credentials that may only connect.
//
//nolint:gochecknoglobals // values that nobody changes
var (
	root  = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}
	guest = aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "example2", SessionToken: "token+/="}
)

// strict returns the configuration of an API that requires signatures.
func strict() Config {
	return Config{IAM: &IAM{Connect: true, Users: []IAMUser{
		{AccessKeyID: root.AccessKeyID, SecretAccessKey: root.SecretAccessKey},
		{
			AccessKeyID: guest.AccessKeyID, SecretAccessKey: guest.SecretAccessKey, SessionToken: guest.SessionToken,
			ARN: "arn:aws:sts::123456789012:assumed-role/guest/session",
			Policy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"execute-api:Invoke",` +
				`"Resource":"` + stageARN + `$connect"}}`,
		},
	}}}
}

// strictManagement requires signatures for @connections calls only.
func strictManagement() Config {
	cfg := strict()
	cfg.IAM.Connect = false
	return cfg
}

// signing is how a request is signed.
type signing struct {
	by        aws.Credentials
	presigned bool
	region    string // us-east-1 if empty
	at        time.Time
}

func (s signing) sign(t *testing.T, r *http.Request, body string) {
	t.Helper()
	setDefault(&s.region, "us-east-1")
	setDefault(&s.at, start())
	hash := sigv4.HashPayload([]byte(body))
	if !s.presigned {
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), s.by, r, string(hash[:]), "execute-api", s.region, s.at))
		return
	}
	query := r.URL.Query()
	query.Set("X-Amz-Expires", "60")
	r.URL.RawQuery = query.Encode()
	text, _, err := v4.NewSigner().PresignHTTP(t.Context(), s.by, r, string(hash[:]), "execute-api", s.region, s.at)
	require.NoError(t, err)
	r.URL, err = url.Parse(text)
	require.NoError(t, err)
}

// signedHandshake returns a signed handshake with a query parameter.
func (w *world) signedHandshake(s signing) Handshake {
	w.t.Helper()
	host := "localapi00.execute-api.us-east-1.amazonaws.com"
	if f, ok := w.front.(*sockets); ok {
		host = strings.SplitN(f.server(w).URL, "/", 4)[2]
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://"+host+w.gw.BasePath()+"?room=a+b",
		http.NoBody)
	require.NoError(w.t, err)
	s.sign(w.t, r, "")
	return Handshake{Header: r.Header, Query: r.URL.Query()}
}

// signedConnect checks the status that a client gets for a signed handshake that is then changed.
func signedConnect(mark, behavior string, status int, s signing, change func(h *Handshake)) conformanceCase {
	return conformanceCase{
		section: "§4", mark: mark, behavior: behavior, config: strict(),
		check: func(w *world) {
			h := w.signedHandshake(s)
			if change != nil {
				change(&h)
			}
			_, a := w.front.dial(w, h)
			require.Equal(w.t, status, a.status)
			if status == http.StatusForbidden {
				w.noEvent()
				return
			}
			identity := w.event("$connect").Context.Identity
			require.Equal(w.t, "123456789012", identity["accountId"])
			require.Equal(w.t, s.by.AccessKeyID, identity["caller"])
			require.Equal(w.t, s.by.AccessKeyID, identity["user"])
			require.Contains(w.t, identity["userArn"], "arn:aws:")
		},
	}
}

func signedConnectCases() []conformanceCase {
	denied := strict()
	denied.IAM.Users[0].Policy = `{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny",` +
		`"Action":"execute-api:Invoke","Resource":"` + stageARN + `$connect"}]}`
	return []conformanceCase{
		signedConnect(documented, "a handshake signed in the header opens, and events name the user", 101,
			signing{by: root}, nil),
		signedConnect(observed, "a handshake presigned in the query opens", 101, signing{by: root, presigned: true}, nil),
		signedConnect(documented, "temporary credentials need their session token", 101,
			signing{by: guest, presigned: true}, nil),
		signedConnect(documented, "another session token is 403", 403, signing{by: guest},
			func(h *Handshake) { h.Header.Set("X-Amz-Security-Token", "other") }),
		signedConnect(inferred, "a signature with the token of another session is 403", 403,
			signing{by: aws.Credentials{
				AccessKeyID: guest.AccessKeyID, SecretAccessKey: guest.SecretAccessKey, SessionToken: "other",
			}}, nil),
		signedConnect(inferred, "a handshake without a signature is 403", 403, signing{by: root},
			func(h *Handshake) { h.Header.Del("Authorization") }),
		signedConnect(inferred, "a handshake with another signature is 403", 403,
			signing{by: aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: "x"}}, nil),
		signedConnect(inferred, "an unknown user is 403", 403,
			signing{by: aws.Credentials{AccessKeyID: "AKIDOTHER", SecretAccessKey: "x"}}, nil),
		signedConnect(inferred, "a signature for another region is 403", 403, signing{by: root, region: "eu-west-1"}, nil),
		signedConnect(documented, "a signature older than five minutes is 403", 403,
			signing{by: root, at: start().Add(-5*time.Minute - time.Second)}, nil),
		signedConnect(documented, "a presigned handshake after X-Amz-Expires is 403", 403,
			signing{by: root, presigned: true, at: start().Add(-61 * time.Second)}, nil),
		signedConnect(inferred, "a parameter added after signing is 403", 403,
			signing{by: root, presigned: true}, func(h *Handshake) { h.Query.Set("more", "1") }),
		{
			section: "§4", mark: documented,
			behavior: "a policy of the user that denies $connect is 403, and the body names what is not allowed",
			config:   denied,
			check: func(w *world) {
				_, a := w.front.dial(w, w.signedHandshake(signing{by: root}))
				require.Equal(w.t, 403, a.status)
				if a.body != "" {
					require.Contains(w.t, a.body,
						"User: arn:aws:iam::123456789012:user/AKIDEXAMPLE is not authorized to perform: execute-api:Invoke "+
							"on resource: arn:aws:execute-api:us-east-1:********9012:localapi00/local/$connect")
				}
			},
		},
	}
}

// signedCall checks the status and the error type of a signed @connections call.
func signedCall(mark, behavior, method, path string, s *signing, status int, kind, says string) conformanceCase {
	return conformanceCase{
		section: "§7", mark: mark, behavior: behavior, fronts: socketsOnly, config: strictManagement(),
		check: func(w *world) {
			p := w.connect()
			body := ""
			if method == http.MethodPost {
				body = "hello"
			}
			got := w.signedCall(method, strings.ReplaceAll(path, "{id}", p.id), body, s)
			require.Equal(w.t, status, got.status)
			require.Equal(w.t, kind, got.kind)
			require.Contains(w.t, got.body, says)
			if status == http.StatusOK && method == http.MethodPost {
				require.Equal(w.t, body, w.frame(p))
			} else if status == http.StatusForbidden {
				w.noFrame(p)
			}
		},
	}
}

func (w *world) signedCall(method, path, body string, s *signing) called {
	w.t.Helper()
	address := "http://" + strings.SplitN(w.front.(*sockets).server(w).URL, "/", 4)[2] + path
	r, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(body))
	require.NoError(w.t, err)
	if s != nil {
		s.sign(w.t, r, "hello"[:len(body)])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, resp.Body.Close()) }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(w.t, err)
	return called{resp.StatusCode, resp.Header.Get("x-amzn-ErrorType"), string(text)}
}

func signedCallCases() []conformanceCase {
	const (
		raw     = "/local/@connections/{id}"
		refused = "User: arn:aws:sts::123456789012:assumed-role/guest/session is not authorized to perform: " +
			"execute-api:ManageConnections " +
			"on resource: arn:aws:execute-api:us-east-1:********9012:localapi00/local/POST/@connections/{connectionId}"
	)
	byRoot := &signing{by: root}
	return []conformanceCase{
		signedCall(documented, "a signed POST sends", "POST", raw, byRoot, 200, "", ""),
		signedCall(documented, "a signed GET returns what is known", "GET", raw, byRoot, 200, "", "connectedAt"),
		signedCall(documented, "a signed DELETE closes", "DELETE", raw, byRoot, 204, "", ""),
		signedCall(documented, "a signed POST with an escaped @ sends", "POST", "/local/%40connections/{id}", byRoot, 200,
			"", ""),
		{
			section: "§7", mark: inferred,
			behavior: "a signed POST with an escaped id sends", fronts: socketsOnly, config: strictManagement(),
			check: func(w *world) {
				p := w.connect()
				for _, at := range []string{"@", "%40"} {
					path := "/local/" + at + "connections/" + strings.ReplaceAll(p.id, "=", "%3D")
					require.Equal(w.t, called{status: 200}, w.signedCall("POST", path, "hello", byRoot))
					require.Equal(w.t, "hello", w.frame(p))
				}
			},
		},
		signedCall(inferred, "a POST without a signature: 403", "POST", raw, nil, 403,
			"MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`),
		signedCall(inferred, "a GET without a signature: 403", "GET", raw, nil, 403, "MissingAuthenticationTokenException",
			"Missing"),
		signedCall(inferred, "a DELETE without a signature: 403", "DELETE", raw, nil, 403,
			"MissingAuthenticationTokenException", "Missing"),
		signedCall(observed, "another signature: 403, with the canonical request", "POST", raw,
			&signing{by: aws.Credentials{AccessKeyID: root.AccessKeyID, SecretAccessKey: "x"}}, 403, "InvalidSignatureException",
			`The request signature we calculated does not match the signature you provided. `+
				`Check your AWS Secret Access Key and signing method. `+
				`Consult the service documentation for details.\n\n`+
				`The Canonical String for this request should have been\n'POST\n/local/%40connections/`),
		signedCall(inferred, "an unknown user: 403", "POST", raw,
			&signing{by: aws.Credentials{AccessKeyID: "AKIDOTHER", SecretAccessKey: "x"}},
			403, "UnrecognizedClientException", "security token"),
		signedCall(observed, "a user whose policy does not allow it: 403, with the account masked", "POST", raw,
			&signing{by: guest}, 403, "AccessDeniedException", refused),
		{
			section: "§7", mark: inferred,
			behavior: "a signature of another body: 403", fronts: socketsOnly, config: strictManagement(),
			check: func(w *world) {
				p := w.connect()
				require.Equal(w.t, "InvalidSignatureException",
					w.signedCall("POST", "/local/@connections/"+p.id, "jello", byRoot).kind)
				w.noFrame(p)
			},
		},
	}
}

// The module's own client and the SDK's work with the strict gateway and recognize its refusals.
func TestClientsOfAStrictGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newSockets(), strictManagement(), nil)
	endpoint := w.front.(*sockets).server(w).Endpoint
	p := w.connect()
	for name, c := range map[string]struct {
		by   aws.Credentials
		want error
	}{
		"allowed":     {by: root},
		"not allowed": {guest, gatesock.ErrForbidden},
		"unknown":     {aws.Credentials{AccessKeyID: "A", SecretAccessKey: "B"}, gatesock.ErrForbidden},
	} {
		provider := credentials.NewStaticCredentialsProvider(c.by.AccessKeyID, c.by.SecretAccessKey, c.by.SessionToken)
		own, err := apigw.New(provider, endpoint, apigw.WithRegion("us-east-1"), apigw.WithClock(w.clock.Now))
		require.NoError(t, err)
		err = own.Post(t.Context(), gatesock.Target{ConnectionID: p.id}, []byte(name))
		own.CloseIdleConnections()
		require.ErrorIs(t, err, c.want)
		if c.want == nil {
			require.Equal(t, name, w.frame(p))
		}
	}
	// The SDK's client signs with the machine's time, which this gateway's clock does not have.
	_, err := sdkClient(t, endpoint).PostToConnection(t.Context(),
		&apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &p.id, Data: []byte("x")})
	require.ErrorContains(t, err, "InvalidSignatureException: Signature ")
	// A second gateway, in the present.
	gw, err := New(always(`{"statusCode":200}`), Config{IAM: strictManagement().IAM})
	require.NoError(t, err)
	s, err := Serve(t.Context(), gw, "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	to, err := gw.Connect(t.Context(), Handshake{}, ignoring{})
	require.NoError(t, err)
	id := to.ID()
	_, err = sdkClient(t, s.Endpoint).PostToConnection(t.Context(),
		&apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: []byte("x")})
	require.NoError(t, err)
}

func TestIAMConfiguration(t *testing.T) {
	t.Parallel()
	user := func(policy string) Config {
		return Config{IAM: &IAM{Users: []IAMUser{{AccessKeyID: "A", SecretAccessKey: "B", Policy: policy}}}}
	}
	twice := user("")
	twice.IAM.Users = append(twice.IAM.Users, twice.IAM.Users[0])
	both := strict()
	both.Authorizer = &Authorizer{Handler: always("")}
	for says, cfg := range map[string]Config{
		`user "A": the AccessKeyID is not unique`: twice,
		"one authorization type":                  both,
		`user "": AccessKeyID and`:                {IAM: &IAM{Users: []IAMUser{{SecretAccessKey: "B"}}}},
		"SecretAccessKey must not be":             {IAM: &IAM{Users: []IAMUser{{AccessKeyID: "A"}}}},
		`user "A": Policy`:                        user("{"),
		"no Statement":                            user("{}"),
		"does not support NotAction": user(`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*",` +
			`"Condition":{"Bool":{}}}]}`),
	} {
		_, err := New(gatesock.New(), cfg)
		require.ErrorContains(t, err, says)
	}
}

// A handler that is its own authorizer is not called if $connect is signed: a route has one
// authorization type.
func TestSignedConnectAsksNoAuthorizer(t *testing.T) {
	t.Parallel()
	mux := eventmux.New(eventmux.WebSocket(gatesock.New()),
		eventmux.Authorizer(handlerFunc(func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("asked")
		})))
	cfg := strict()
	clock := NewManualClock(start())
	cfg.Clock = clock
	gw, err := New(mux, cfg)
	require.NoError(t, err)
	w := &world{t: t, gw: gw, clock: clock, front: inMemory{}}
	_, err = gw.Connect(t.Context(), w.signedHandshake(signing{by: root}), ignoring{})
	require.NoError(t, err)
	_, err = gw.Connect(t.Context(), Handshake{}, ignoring{})
	var refused *HandshakeError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "Missing Authentication Token", refused.Message)
	require.NoError(t, gw.Shutdown(t.Context()))
}
