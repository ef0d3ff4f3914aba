package eventform_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/eventform"
)

// TestARouterDecodesAnEqualRequest writes an event for a request, and compares what a router makes
// of it.
func TestARouterDecodesAnEqualRequest(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"action":"say","id":"1","text":"日本🎉\u2028<&>"}`, "\xff{", ""} {
		var got *gatesock.Request
		r := gatesock.New()
		r.OnDefault(func(_ context.Context, req *gatesock.Request) (*gatesock.Reply, error) {
			got = req
			return nil, nil
		})
		want := &gatesock.Request{
			EventType: gatesock.EventMessage, RouteKey: gatesock.RouteDefault, ConnectionID: "c=", RequestID: "r", MessageID: "m",
			APIID: "a", Stage: "prod", DomainName: "example.com",
			Time: time.UnixMilli(1764268000001).UTC(), ConnectedAt: time.UnixMilli(1764268000000).UTC(),
			Identity: gatesock.Identity{
				SourceIP: "192.0.2.1", UserAgent: "x", APIKey: "k", APIKeyID: "i", AccountID: "1",
				Caller: "c", User: "u", UserARN: "arn", PrincipalOrgID: "o",
			},
			Authorizer: map[string]string{"principalId": "ann"}, StageVariables: map[string]string{"v": "1"},
			Body: []byte(body),
		}
		event, err := eventform.Of(want)
		require.NoError(t, err)
		_, err = r.Invoke(t.Context(), event)
		require.NoError(t, err)
		if body != "" && body[0] == '{' {
			want.Action, want.ID = "say", "1"
		}
		want.Route = gatesock.RouteDefault
		require.Equal(t, string(want.Body), string(got.Body))
		got.Body = want.Body
		require.Equal(t, want, got)
	}
}
