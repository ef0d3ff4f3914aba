package authz

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/eventmux"
)

const arn = "arn:aws:execute-api:us-east-1:123456789012:abcdef123/default/$connect"

// documented is the event of the AWS Developer Guide ("Create an API Gateway Lambda REQUEST
// authorizer function").
const documented = `{"type":"REQUEST","methodArn":"` + arn + `",
 "headers":{"Connection":"upgrade","content-length":"0","HeaderAuth1":"headerValue1","Host":"abcdef123.execute-api.us-east-1.amazonaws.com","Origin":"https://app.example.com","Upgrade":"websocket"},
 "multiValueHeaders":{"Connection":["upgrade"],"HeaderAuth1":["headerValue1","headerValue2"]},
 "queryStringParameters":{"QueryString1":"queryValue2","one":"1"},"multiValueQueryStringParameters":{"QueryString1":["queryValue1","queryValue2"]},
 "stageVariables":{"StageVar1":"stageValue1"},
 "requestContext":{"routeKey":"$connect","eventType":"CONNECT","extendedRequestId":"x","requestTime":"19/Jan/2023:21:13:26 +0000","messageDirection":"IN","stage":"default","connectedAt":1674162806344,"requestTimeEpoch":1674162806345,"identity":{"sourceIp":"192.0.2.1"},"requestId":"r","domainName":"abcdef123.execute-api.us-east-1.amazonaws.com","connectionId":"c0nn=","apiId":"abcdef123"}}`

// ask invokes an authorizer, and returns its log too.
func ask(t *testing.T, a Authenticator, payload string) (out []byte, log string, err error) {
	t.Helper()
	var text bytes.Buffer
	out, err = NewAuthorizer(a, WithLogger(slog.New(slog.NewTextHandler(&text, nil)))).Invoke(t.Context(), []byte(payload))
	return out, text.String(), err
}

func TestAuthorizerAllows(t *testing.T) {
	t.Parallel()
	var seen *Handshake
	a := AuthenticatorFunc(func(_ context.Context, h *Handshake) (Principal, error) {
		seen = h
		return Principal{
			ID: "ann", Scopes: []string{"a", "b"}, Roles: []string{"admin"}, Attributes: map[string]string{"tenant": "t 1"},
			ExpiresAt: time.Unix(1800000000, 0), UsageKey: "usage",
		}, nil
	})
	out, log, err := ask(t, a, documented)
	require.NoError(t, err)
	require.Empty(t, log)
	require.JSONEq(t, `{"principalId":"ann","policyDocument":{"Version":"2012-10-17","Statement":[
		{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"`+arn+`"}]},
		"context":{"scopes":"a b","roles":"admin","exp":"1800000000","attr.tenant":"t 1"},"usageIdentifierKey":"usage"}`, string(out))

	require.Equal(t, []string{"headerValue1", "headerValue2"}, seen.Header.Values("headerauth1"))
	require.Equal(t, "https://app.example.com", seen.Header.Get("Origin"))
	require.Equal(t, []string{"queryValue1", "queryValue2"}, seen.Query["QueryString1"])
	require.Equal(t, "1", seen.Query.Get("one"))
	require.Equal(t, map[string]string{"StageVar1": "stageValue1"}, seen.StageVariables)
	require.Equal(t, time.UnixMilli(1674162806345).UTC(), seen.Time)
	seen.Header, seen.Query, seen.StageVariables, seen.Time = nil, nil, nil, time.Time{}
	require.Equal(t, &Handshake{
		ConnectionID: "c0nn=", RouteKey: "$connect", APIID: "abcdef123", Stage: "default",
		DomainName: "abcdef123.execute-api.us-east-1.amazonaws.com", Identity: gatesock.Identity{SourceIP: "192.0.2.1"},
	}, seen)
}

func TestAuthorizerRefuses(t *testing.T) {
	t.Parallel()
	panics := AuthenticatorFunc(func(context.Context, *Handshake) (Principal, error) { panic("bug") })
	forbids := AuthenticatorFunc(func(context.Context, *Handshake) (Principal, error) { panic(ErrForbidden) })
	big := map[string]string{"small": "x", "big": strings.Repeat("y", maxAuthorizerResult)}
	for _, c := range []struct {
		name   string
		a      Authenticator
		answer string // a policy's effect, or the error
		logs   []string
	}{
		{"no credential", says(Principal{}, ErrNoCredential), "Unauthorized", []string{"INFO", "401", "no credential", "192.0.2.1", "https://app.example.com"}},
		{"a bad one", says(Principal{}, fmt.Errorf("%w: expired", ErrUnauthenticated)), "Unauthorized", []string{"INFO", "expired"}},
		{"nobody", says(Principal{}, nil), "Unauthorized", []string{"no authenticator returned a principal"}},
		{"forbidden", says(Principal{}, fmt.Errorf("%w: evil origin", ErrForbidden)), "Deny", []string{"INFO", "403", "evil origin"}},
		{"a code", says(Principal{}, gatesock.Errorf(gatesock.CodeRateLimited, "slow down")), "Deny", []string{"INFO", "slow down"}},
		{"a code of 401", says(Principal{}, gatesock.Errorf(gatesock.CodeUnauthenticated, "who?")), "Unauthorized", nil},
		{"a code of 503", says(Principal{}, gatesock.Errorf(gatesock.CodeUnavailable, "later")), errFault.Error(), []string{"ERROR", "later"}},
		{"a fault", says(Principal{}, errors.New("the database is down")), errFault.Error(), []string{"ERROR", "500", "the database is down"}},
		{"a panic", panics, errFault.Error(), []string{"panic while authenticating: bug"}},
		{"a panic with an error", forbids, errFault.Error(), []string{"ERROR", "panic while authenticating: authz: forbidden"}},
		{"too large", says(Principal{ID: "u", Attributes: big}, nil), errFault.Error(), []string{`largest part is \"big\" with 8192`, "8192; "}},
		{"a scope with a space", says(Principal{ID: "u", Scopes: []string{"a b"}}, nil), errFault.Error(), []string{`scope \"a b\"`}},
	} {
		out, log, err := ask(t, c.a, documented)
		if c.answer == "Deny" {
			require.NoError(t, err, c.name)
			var got answer
			require.NoError(t, json.Unmarshal(out, &got))
			require.Equal(t, newAnswer("anonymous", "Deny", arn), got, c.name)
		} else {
			require.EqualError(t, err, c.answer, c.name)
			require.Nil(t, out)
		}
		for _, part := range c.logs {
			require.Contains(t, log, part, c.name)
		}
	}
}

// An answer of exactly the limit is returned.
func TestLargestContext(t *testing.T) {
	t.Parallel()
	p := Principal{ID: "u", Attributes: map[string]string{"x": ""}}
	out, _, err := ask(t, says(p, nil), documented)
	require.NoError(t, err)
	for extra, ok := range map[int]bool{0: true, 1: false} {
		p.Attributes["x"] = strings.Repeat("y", maxAuthorizerResult-len(out)+extra)
		got, _, err := ask(t, says(p, nil), documented)
		require.Equal(t, ok, err == nil)
		require.Equal(t, ok, len(got) == maxAuthorizerResult)
	}
}

// A malformed member that no decision depends on does not refuse a connection.
func TestUnusualAuthorizerEvents(t *testing.T) {
	t.Parallel()
	var seen *Handshake
	a := AuthenticatorFunc(func(_ context.Context, h *Handshake) (Principal, error) {
		seen = h
		return Principal{ID: "ann"}, nil
	})
	at := time.UnixMilli(1674162806345).UTC()
	for _, tt := range []struct {
		members, context string
		want             Handshake
	}{
		{``, `"requestTimeEpoch":1674162806345.7`, Handshake{Time: at}},
		{``, `"requestTimeEpoch":"1674162806345"`, Handshake{Time: at}},
		{``, `"requestTimeEpoch":null,"identity":"","stage":null`, Handshake{}},
		{``, `"requestTimeEpoch":{},"identity":[1]`, Handshake{}},
		{``, `"identity":{"sourceIp":7,"userAgent":null,"cognitoIdentityId":{}},"stage":1`, Handshake{Stage: "1", Identity: gatesock.Identity{SourceIP: "7"}}},
		{`"headers":"","multiValueHeaders":null,"queryStringParameters":"","stageVariables":""`, `"apiId":"a"`, Handshake{APIID: "a"}},
		{`"headers":{"dnt":1,"x":null},"stageVariables":{"n":5}`, `"domainName":"d"`, Handshake{
			DomainName: "d", Header: http.Header{"Dnt": {"1"}, "X": {""}}, StageVariables: map[string]string{"n": "5"},
		}},
		{`"multiValueHeaders":{"origin":"https://a","b":null},"multiValueQueryStringParameters":{"n":[1,true]}`, `"stage":"s"`, Handshake{
			Stage: "s", Header: http.Header{"Origin": {"https://a"}, "B": nil}, Query: url.Values{"n": {"1", "true"}},
		}},
	} {
		seen = nil
		_, log, err := ask(t, a, `{"type":"REQUEST","methodArn":"x",`+strings.TrimPrefix(tt.members+",", ",")+
			`"requestContext":{"routeKey":"$connect","connectionId":"c",`+tt.context+`}}`)
		require.NoError(t, err, log)
		tt.want.RouteKey, tt.want.ConnectionID = "$connect", "c"
		if tt.want.Header == nil {
			tt.want.Header = http.Header{}
		}
		if tt.want.Query == nil {
			tt.want.Query = url.Values{}
		}
		require.Equal(t, &tt.want, seen, tt.members+tt.context)
	}
}

func TestNotAnAuthorizersEvent(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		``, `null`, `[]`, `{}`, `{"type":"TOKEN","methodArn":"x"}`, `{"type":"REQUEST"}`,
		`{"type":"REQUEST","methodArn":"x","requestContext":{"routeKey":"say","connectionId":"c"}}`,
		`{"type":"REQUEST","methodArn":"x","requestContext":{"routeKey":"$connect"}}`,
		`{"type":"REQUEST","methodArn":5}`,
		`{"type":"REQUEST","methodArn":"x","headers":[],"requestContext":{"routeKey":"$connect","connectionId":"c"}}`,
		`{"type":"REQUEST","methodArn":"x","queryStringParameters":"a=b","requestContext":{"routeKey":"$connect","connectionId":"c"}}`,
	} {
		_, log, err := ask(t, says(Principal{ID: "u"}, nil), payload)
		require.ErrorIs(t, err, errFault, payload)
		require.Contains(t, log, "the event is not one of an authorizer")
	}
	require.Panics(t, func() { NewAuthorizer(nil) })
	require.Panics(t, func() { WithLogger(nil) })
}

// A mux recognizes the event of an authorizer.
func TestAuthorizerInAMux(t *testing.T) {
	t.Parallel()
	authorizer := NewAuthorizer(says(Principal{ID: "ann"}, nil))
	mux := eventmux.New(eventmux.WebSocket(gatesock.New()), eventmux.Authorizer(authorizer))
	out, err := mux.Invoke(t.Context(), []byte(documented))
	require.NoError(t, err)
	require.Contains(t, string(out), `"principalId":"ann"`)
}

// For any bytes it does not panic, and returns an answer or one of its two errors.
func FuzzAuthorizer(f *testing.F) {
	f.Add([]byte(documented))
	f.Add([]byte(`{"type":"REQUEST","methodArn":"x","headers":{"a":"b"},"requestContext":{"routeKey":"$connect","connectionId":"c"}}`))
	z := NewAuthorizer(All(Origins("https://app.example.com"), Bearer(VerifierFunc(echo), AuthorizationHeader(), Cookie("c"), SubprotocolToken(), QueryParameter("q"))),
		WithLogger(slog.New(slog.DiscardHandler)))
	f.Fuzz(func(t *testing.T, payload []byte) {
		out, err := z.Invoke(t.Context(), payload)
		if err != nil {
			require.True(t, errors.Is(err, errFault) || errors.Is(err, errUnauthorized))
			return
		}
		var got answer
		require.NoError(t, json.Unmarshal(out, &got))
		require.LessOrEqual(t, len(out), maxAuthorizerResult)
	})
}
