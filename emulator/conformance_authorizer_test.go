package emulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/eventmux"
)

const stageARN = "arn:aws:execute-api:us-east-1:123456789012:localapi00/local/"

// allow returns the result of an authorizer, with more members.
func allow(effect, resource, more string) string {
	return fmt.Sprintf(`{"principalId":"ann","policyDocument":{"Version":"2012-10-17",`+
		`"Statement":[{"Action":"execute-api:Invoke","Effect":%q,"Resource":%q}]}%s}`,
		effect, resource, more)
}

// allowOf returns a result with the members of one statement.
func allowOf(statement string) string {
	return `{"principalId":"ann","policyDocument":{"Version":"2012-10-17","Statement":[{` + statement + `}]}}`
}

// authorized checks the status that a client gets for the result of an authorizer.
func authorized(mark, behavior string, status int, respond handlerFunc) conformanceCase {
	return conformanceCase{
		section: "§4", mark: mark, behavior: behavior, config: Config{Authorizer: &Authorizer{Handler: respond}},
		check: func(w *world) {
			_, a := w.front.dial(w, Handshake{})
			require.Equal(w.t, status, a.status)
			if status != http.StatusSwitchingProtocols {
				w.noEvent()
			}
		},
	}
}

func authorizerCases() []conformanceCase {
	connect := stageARN + "$connect"
	return append([]conformanceCase{
		authorized(documented, "an authorizer that allows the ARN opens", 101, always(allow("Allow", connect, ""))),
		authorized(documented, "wildcards in the resource stand for any characters", 101,
			always(allow("Allow", "arn:aws:execute-api:*:*:localapi00/loc?l/*", ""))),
		authorized(documented, "the resource * matches every resource", 101, always(allow("Allow", "*", ""))),
		authorized(documented, "the action execute-api:* matches every action", 101,
			always(strings.Replace(allow("Allow", connect, ""), "Invoke", "*", 1))),
		authorized(documented, "a single statement need not be in a list", 101,
			always(strings.NewReplacer("[", "", "]", "").Replace(allow("Allow", connect, "")))),
		authorized(inferred, "an empty Condition has no effect", 101,
			always(allowOf(`"Condition":{},"Effect":"Allow","Action":"*","Resource":"*"`))),
		authorized(inferred, "… nor has null", 101,
			always(allowOf(`"Condition":null,"NotAction":null,"Effect":"Allow","Action":"*","Resource":"*"`))),
		authorized(unknown, "a condition is 500", 500,
			always(allowOf(`"Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.1"}},"Effect":"Allow","Action":"*",`+
				`"Resource":"*"`))),
		authorized(inferred, "members of a statement in lower case are not accepted: 500", 500,
			always(allowOf(`"effect":"Allow","action":"*","resource":"*"`))),
		authorized(inferred, "a statement in lower case is not accepted: 500", 500,
			always(strings.Replace(allow("Allow", "*", ""), `"Statement"`, `"statement"`, 1))),
		authorized(inferred, "a policydocument in lower case is not accepted: 500", 500,
			always(strings.Replace(allow("Allow", "*", ""), `"policyDocument"`, `"policydocument"`, 1))),
		authorized(inferred, "a PrincipalId in upper case is not accepted: 500", 500,
			always(strings.Replace(allow("Allow", "*", ""), `"principalId"`, `"PrincipalId"`, 1))),
		authorized(documented, "Deny is 403", 403, always(allow("Deny", connect, ""))),
		authorized(observed, "a resource …/stage/*/* does not match …/stage/$connect: 403", 403,
			always(allow("Allow", stageARN+"*/*", ""))),
		authorized(documented, "another stage is 403", 403,
			always(allow("Allow", strings.Replace(connect, "/local/", "/prod/", 1), ""))),
		authorized(documented, "another action is 403", 403,
			always(strings.Replace(allow("Allow", connect, ""), "Invoke", "ManageConnections", 1))),
		authorized(documented, "Deny wins over Allow: 403", 403, always(`{"principalId":"a","policyDocument":{"Statement":[`+
			`{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"},{"Action":["execute-api:*"],`+
			`"Effect":"Deny","Resource":["x","`+connect+`"]}]}}`)),
		authorized(documented, `the error "Unauthorized" is 401`, 401,
			func(context.Context, []byte) ([]byte, error) { return nil, errors.New("Unauthorized") }),
		authorized(inferred, "a result that is the text Unauthorized is 500: only the error means 401", 500,
			always(`"Unauthorized"`)),
		authorized(inferred, "another error of the authorizer is 500", 500, failing),
		authorized(inferred, "an authorizer's panic is 500", 500, panicking),
		authorized(inferred, "a result that is not JSON is 500", 500, always(`yes`)),
		authorized(inferred, "a result without principalId is 500", 500,
			always(strings.Replace(allow("Allow", connect, ""), "principalId", "user", 1))),
		authorized(inferred, "a result without policy is 500", 500, always(`{"principalId":"ann"}`)),
		authorized(inferred, "a policy without statement is 500", 500, always(`{"principalId":"ann","policyDocument":{}}`)),
		authorized(inferred, "a policy with another effect is 500", 500, always(allow("allow", connect, ""))),
		authorized(documented, "an object in the context is 500", 500,
			always(allow("Allow", connect, `,"context":{"a":{}}`))),
		authorized(documented, "a list in the context is 500", 500, always(allow("Allow", connect, `,"context":{"a":[1]}`))),
		authorized(unknown, "a result above 8 KB is 500", 500,
			always(allow("Allow", connect, `,"context":{"a":"`+strings.Repeat("x", maxAuthorization)+`"}`))),
		authorized(documented, "a resource above 512 characters is 500", 500,
			always(allow("Allow", connect+strings.Repeat("*", maxResource), ""))),
		{
			section: "§4", mark: inferred, behavior: "an authorizer that takes too long is 500",
			check: func(w *world) {
				asked, done := make(chan struct{}), make(chan answer)
				slow := func(ctx context.Context, event []byte) ([]byte, error) {
					close(asked)
					return hanging(ctx, event)
				}
				w = newWorld(w.t, w.front, Config{Authorizer: &Authorizer{Handler: handlerFunc(slow)}}, nil)
				go func() {
					_, a := w.front.dial(w, Handshake{})
					done <- a
				}()
				<-asked
				w.clock.Advance(maxIntegrationTimeout)
				require.Equal(w.t, 500, (<-done).status)
				w.clock.Advance(maxIntegrationTimeout)
			},
		},
		{
			section: "§4", mark: inferred, behavior: "an authorizer has a function timeout of its own",
			check: func(w *world) {
				asked, done := make(chan struct{}), make(chan answer)
				w = newWorld(w.t, w.front, Config{Authorizer: &Authorizer{FunctionTimeout: time.Second, Handler: handlerFunc(
					func(ctx context.Context, event []byte) ([]byte, error) {
						close(asked)
						return hanging(ctx, event)
					})}}, nil)
				go func() {
					_, a := w.front.dial(w, Handshake{})
					done <- a
				}()
				<-asked
				w.clock.Advance(time.Second)
				require.Equal(w.t, 500, (<-done).status)
			},
		},
		{
			section: "§4", mark: documented,
			behavior: "the authorizer's event is that of a REQUEST authorizer, with connectionId",
			check: func(w *world) {
				t := w.t
				var got []byte
				gw := w.another(Config{
					StageVariables: map[string]string{"v": "1"},
					Authorizer: &Authorizer{Handler: handlerFunc(func(_ context.Context, event []byte) ([]byte, error) {
						got = event
						return []byte(allow("Allow", connect, "")), nil
					})},
				})
				s, err := gw.Connect(t.Context(), Handshake{
					Header: http.Header{"HeaderAuth1": {"v1", "v2"}, "Origin": {"https://app.example.com"}},
					Query:  url.Values{"q": {"1", "2"}}, Host: "h",
				}, ignoring{})
				require.NoError(t, err)
				var e struct {
					Type, MethodARN                 string
					Headers                         map[string]string
					MultiValueHeaders               map[string][]string
					QueryStringParameters           map[string]string
					MultiValueQueryStringParameters map[string][]string
					StageVariables                  map[string]string
					RequestContext                  map[string]any
				}
				require.NoError(t, json.Unmarshal(got, &e))
				require.Equal(t, "REQUEST", e.Type)
				require.Equal(t, connect, e.MethodARN)
				for name, value := range map[string]string{
					"Connection": "upgrade", "content-length": "0", "Upgrade": "websocket",
					"HeaderAuth1": "v2", "Origin": "https://app.example.com",
				} {
					require.Equal(t, value, e.Headers[name])
				}
				require.Equal(t, []string{"v1", "v2"}, e.MultiValueHeaders["HeaderAuth1"])
				require.Equal(t, map[string]string{"q": "2"}, e.QueryStringParameters)
				require.Equal(t, map[string]string{"v": "1"}, e.StageVariables)
				require.Equal(t, s.ID(), e.RequestContext["connectionId"])
				require.Equal(t, "$connect", e.RequestContext["routeKey"])
				require.NotContains(t, e.RequestContext, "authorizer")
				require.NotContains(t, string(got), "isBase64Encoded")
			},
		},
		{
			section: "§4", mark: documented,
			behavior: "AWS's sample authorizer accepts clients with its header, parameter and stage variable",
			config: Config{
				StageVariables: map[string]string{"StageVar1": "stageValue1"}, Authorizer: &Authorizer{
					Handler: handlerFunc(sampleAuthorizer),
					IdentitySources: []string{
						"route.request.header.HeaderAuth1", "route.request.querystring.QueryString1",
					},
				},
			},
			check: func(w *world) {
				good := Handshake{
					Header: http.Header{"HeaderAuth1": {"headerValue1"}},
					Query:  url.Values{"QueryString1": {"queryValue1"}},
				}
				_, a := w.front.dial(w, good)
				require.Equal(w.t, 101, a.status)
				require.Equal(w.t, "value", w.event("$connect").Context.Authorizer["stringKey"])
				good.Header = http.Header{"HeaderAuth1": {"another"}}
				_, a = w.front.dial(w, good)
				require.Equal(w.t, 401, a.status)
			},
		},
		{
			section: "§4", mark: observed, behavior: "without a query the authorizer's event has empty objects",
			check: func(w *world) {
				var got []byte
				keep := func(_ context.Context, event []byte) ([]byte, error) {
					got = event
					return []byte(allow("Allow", "*", "")), nil
				}
				gw := w.another(Config{Authorizer: &Authorizer{Handler: handlerFunc(keep)}})
				_, err := gw.Connect(w.t.Context(), Handshake{}, ignoring{})
				require.NoError(w.t, err)
				require.Contains(w.t, string(got),
					`"queryStringParameters":{},"multiValueQueryStringParameters":{},"stageVariables":{}`)
			},
		},
		{
			section: "§4", mark: observed,
			behavior: "authorizer values are flat, strings except integrationLatency, and in every event",
			config: Config{Authorizer: &Authorizer{Handler: always(allow("Allow", connect,
				`,"context":{"tenant":"t1","level":3,"admin":true}`))}},
			check: func(w *world) {
				t := w.t
				want := `"authorizer":{"admin":"true","level":"3","tenant":"t1","principalId":"ann","integrationLatency":0}`
				p, _ := w.front.dial(w, Handshake{})
				require.Contains(t, string(w.event("$connect").raw), want)
				p.text("x")
				require.Contains(t, string(w.event("$default").raw), want)
				p.close(0, "")
				require.Contains(t, string(w.event("$disconnect").raw), want)
			},
		},
		{
			section: "§4", mark: documented,
			behavior: "a missing or empty identity source is 401, and the authorizer is not called",
			check: func(w *world) {
				t := w.t
				asked := 0
				gw := w.another(Config{StageVariables: map[string]string{"v": "1"}, Authorizer: &Authorizer{
					Handler: handlerFunc(func(context.Context, []byte) ([]byte, error) {
						asked++
						return []byte(allow("Allow", connect, "")), nil
					}),
					IdentitySources: []string{
						"route.request.header.X-Token", "route.request.querystring.q", "stageVariables.v",
						"context.identity.sourceIp",
					},
				}})
				header, query := http.Header{"X-Token": {"t"}}, url.Values{"q": {"1"}}
				for _, h := range []Handshake{
					{},
					{Header: header},
					{Query: query},
					{Header: http.Header{"X-Token": {""}}, Query: query},
				} {
					_, err := gw.Connect(t.Context(), h, ignoring{})
					var refused *HandshakeError
					require.ErrorAs(t, err, &refused)
					require.Equal(t, 401, refused.StatusCode)
				}
				require.Zero(t, asked)
				_, err := gw.Connect(t.Context(), Handshake{Header: header, Query: query}, ignoring{})
				require.NoError(t, err)
				require.Equal(t, 1, asked)
			},
		},
	}, apiKeyCases()...)
}

// sampleAuthorizer is the sample in the AWS Developer Guide, "Create an API Gateway Lambda REQUEST
// authorizer", for WebSocket APIs. It is in JavaScript, where header names are case-sensitive.
func sampleAuthorizer(_ context.Context, event []byte) ([]byte, error) {
	var e struct{ Headers, QueryStringParameters, StageVariables map[string]string }
	if err := json.Unmarshal(event, &e); err != nil {
		return nil, err
	}
	if e.Headers["HeaderAuth1"] == "headerValue1" && e.QueryStringParameters["QueryString1"] == "queryValue1" &&
		e.StageVariables["StageVar1"] == "stageValue1" {
		return []byte(allow("Allow", stageARN+"$connect",
			`,"context":{"stringKey":"value","numberKey":1,"booleanKey":true}`)), nil
	}
	return nil, errors.New("Unauthorized")
}

func apiKeyCases() []conformanceCase {
	keys := []APIKey{{"id1", "value1"}, {"id2", "value2"}}
	demanded := func(mark, behavior string, cfg Config, header http.Header, status int) conformanceCase {
		cfg.APIKeys = keys
		return conformanceCase{section: "§11", mark: mark, behavior: behavior, config: cfg, check: func(w *world) {
			_, a := w.front.dial(w, Handshake{Header: header})
			require.Equal(w.t, status, a.status)
			if status == http.StatusSwitchingProtocols {
				identity := w.event("$connect").Context.Identity
				require.Equal(w.t, "value2", identity["apiKey"])
				require.Equal(w.t, "id2", identity["apiKeyId"])
			}
		}}
	}
	uses := func(key string) Config {
		return Config{
			APIKeySelectionExpression: "$context.authorizer.usageIdentifierKey",
			Authorizer:                &Authorizer{Handler: always(allow("Allow", "*", `,"usageIdentifierKey":"`+key+`"`))},
		}
	}
	good := http.Header{"X-Api-Key": {"value2"}}
	return []conformanceCase{
		demanded(documented, "an API key in the header x-api-key opens, and is in the events", Config{}, good, 101),
		demanded(inferred, "a missing API key is 403", Config{}, nil, 403),
		demanded(inferred, "a wrong API key is 403", Config{}, http.Header{"X-Api-Key": {"value3"}}, 403),
		demanded(documented, "the API key can come from the authorizer's result", uses("value2"), nil, 101),
		demanded(inferred, "… and then the header does not count", uses("none"), good, 403),
	}
}

// another returns a gateway next to that of the world, with a handler that accepts everything.
func (w *world) another(cfg Config) *Gateway {
	w.t.Helper()
	cfg.Clock = w.clock
	gw, err := New(always(`{"statusCode":200}`), cfg)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, gw.Shutdown(context.Background())) })
	return gw
}

// ignoring is a client that does nothing.
type ignoring struct{}

func (ignoring) Send([]byte) error { return nil }

func (ignoring) Close(int, string) {}

func TestAuthorizerConfiguration(t *testing.T) {
	t.Parallel()
	router := gatesock.New()
	for says, cfg := range map[string]Config{
		"no Handler": {Authorizer: &Authorizer{}},
		"want route.request": {Authorizer: &Authorizer{
			Handler:         router,
			IdentitySources: []string{"method.request.header.X"},
		}},
		`"context.nothing": want`: {Authorizer: &Authorizer{Handler: router, IdentitySources: []string{"context.nothing"}}},
		`querystring.": want`: {Authorizer: &Authorizer{
			Handler:         router,
			IdentitySources: []string{"route.request.querystring."},
		}},
		"APIKeySelectionExpression": {APIKeySelectionExpression: "$request.body.key"},
		"without an ID":             {APIKeys: []APIKey{{"", "v"}}},
	} {
		_, err := New(router, cfg)
		require.ErrorContains(t, err, says)
	}
}

// The identity sources of a handler that is an authorizer as well come from its description.
func TestIdentitySourcesOfTheDescription(t *testing.T) {
	t.Parallel()
	anyone := authz.AuthenticatorFunc(func(context.Context, *authz.Handshake) (authz.Principal, error) {
		return authz.Principal{ID: "ann"}, nil
	})
	authorizer := authz.NewAuthorizer(anyone, authz.WithIdentitySources("route.request.header.X-Token"))
	mux := eventmux.New(eventmux.WebSocket(gatesock.New()), eventmux.Authorizer(authorizer))
	for _, cfg := range []Config{{}, {Authorizer: &Authorizer{FunctionTimeout: time.Second}}} {
		gw, err := New(mux, cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, gw.Shutdown(context.Background())) })
		_, err = gw.Connect(t.Context(), Handshake{}, ignoring{})
		var refused *HandshakeError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 401, refused.StatusCode)
		_, err = gw.Connect(t.Context(), Handshake{Header: http.Header{"X-Token": {"t"}}}, ignoring{})
		require.NoError(t, err)
	}
}

// A handler that is an authorizer as well is called without configuration, unless the handshake has
// its result.
func TestMuxIsItsOwnAuthorizer(t *testing.T) {
	t.Parallel()
	asked := 0
	mux := eventmux.New(eventmux.WebSocket(gatesock.New()),
		eventmux.Authorizer(handlerFunc(func(context.Context, []byte) ([]byte, error) {
			asked++
			return []byte(allow("Deny", "*", "")), nil
		})))
	gw, err := New(mux, Config{})
	require.NoError(t, err)
	_, err = gw.Connect(t.Context(), Handshake{}, ignoring{})
	var refused *HandshakeError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, 403, refused.StatusCode)
	require.Equal(t, "Forbidden", refused.Message)
	_, err = gw.Connect(t.Context(), Handshake{Authorizer: map[string]any{"principalId": "ann"}}, ignoring{})
	require.NoError(t, err)
	require.Equal(t, 1, asked)
	require.NoError(t, gw.Shutdown(t.Context()))
	gw, err = New(eventmux.New(eventmux.WebSocket(gatesock.New())), Config{})
	require.NoError(t, err)
	_, err = gw.Connect(t.Context(), Handshake{}, ignoring{})
	require.NoError(t, err)
	require.NoError(t, gw.Shutdown(t.Context()))
}

// A Deny counts at any position, a * in a resource ends at a colon, and numbers in a context keep
// their form.
func TestReadAuthorization(t *testing.T) {
	t.Parallel()
	arn := stageARN + "$connect"
	const denied, allowed = `{"Action":"*","Effect":"Deny","Resource":"*"}`, `{"Action":"*","Effect":"Allow",` +
		`"Resource":"*"}`
	for _, statements := range []string{
		denied + "," + allowed, allowed + "," + denied,
		allowed + "," + denied + "," + allowed,
	} {
		_, err := readAuthorization([]byte(`{"principalId":"a","policyDocument":{"Statement":[`+statements+`]}}`), arn)
		require.ErrorIs(t, err, errDenied, statements)
	}
	for resource, ok := range map[string]bool{
		arn: true, "arn:aws:execute-api:*:*:*": true, "arn:aws:execute-api:*": false, "arn:*": false,
		"arn:aws:*/$connect": false,
	} {
		_, err := readAuthorization([]byte(allow("Allow", resource, "")), arn)
		require.Equal(t, ok, err == nil, resource)
	}
	for _, number := range []string{"12345678901234567890", "1.0", "1e3", "0.1"} {
		a, err := readAuthorization([]byte(allow("Allow", "*", `,"context":{"n":`+number+`}`)), arn)
		require.NoError(t, err)
		require.Equal(t, number, a.values["n"])
	}
}

// No result of an authorizer makes the gateway panic, and none accepts an ARN that is not allowed.
func FuzzAuthorization(f *testing.F) {
	f.Add([]byte(allow("Allow", stageARN+"$connect", `,"context":{"a":1},"usageIdentifierKey":"x"`)), stageARN+"$connect")
	f.Add([]byte(allow("Deny", "*", "")), "x")
	f.Add([]byte(`"Unauthorized"`), "x")
	f.Add([]byte(allow("Allow", "*", `,"context":{"integrationLatency":"+5"}`)), "x")
	f.Fuzz(func(t *testing.T, out []byte, arn string) {
		a, err := readAuthorization(out, arn)
		if err != nil {
			return
		}
		require.NotEmpty(t, a.values[keyPrincipalID])
		if !strings.Contains(string(out), `\`) { // else the word may be escaped
			require.Contains(t, string(out), "Allow")
		}
		text, err := encodeAuthorizer(a.values)
		require.NoError(t, err)
		require.True(t, json.Valid([]byte("{"+text[1:]+"}")))
	})
}
