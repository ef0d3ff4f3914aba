package layout_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/apigw"
	"github.com/gatesock/gatesock/authz"
	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/broadcast"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
	"github.com/gatesock/gatesock/dynamo/sweep"
	"github.com/gatesock/gatesock/fragment"
	"github.com/gatesock/gatesock/ratelimit"
	"github.com/gatesock/gatesock/ratelimit/metering"
	"github.com/gatesock/gatesock/ratelimit/plan"
	"github.com/gatesock/gatesock/wstest"
)

// TestNilOptions checks that every constructor names itself if an option is nil.
func TestNilOptions(t *testing.T) {
	t.Parallel()
	store, poster := conn.NewMemory(), wstest.NewRecorder()
	db := dynamo.Open(new(dynamodb.Client), "table")
	for want, construct := range map[string]func(){
		"gatesock: New":     func() { gatesock.New(nil) },
		"apigw: New":        func() { _, _ = apigw.New(aws.AnonymousCredentials{}, "http://127.0.0.1:1/dev", nil) },
		"authz: NewTickets": func() { authz.NewTickets(authz.NewMemoryTickets(), nil) },
		"apikey: New":       func() { apikey.New(apikey.NewMemory(), nil) },
		"broadcast: New":    func() { broadcast.New(poster, store, nil) },
		"client: New":       func() { _, _ = client.New("ws://127.0.0.1:1/dev", nil) },
		"conn: NewMemory":   func() { conn.NewMemory(nil) },
		"conn: Track":       func() { conn.Track(store, nil) },
		"fragment: Register": func() {
			fragment.Register(gatesock.New(), fragment.NewMemory(), nil)
		},
		"dynamo: Open": func() { dynamo.Open(new(dynamodb.Client), "table", nil) },
		"sweep: New": func() {
			sweep.New(db, func(context.Context, gatesock.Target) (time.Time, error) { return time.Time{}, nil }, nil)
		},
		"ratelimit: New":     func() { ratelimit.NewMemory(nil) },
		"metering: NewMeter": func() { metering.NewMeter(metering.NewMemory(), nil) },
		"plan: NewLimiter":   func() { plan.NewLimiter(plan.Map{}, ratelimit.NewMemory(), "free", ratelimit.FailOpen, nil) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			defer func() {
				text, ok := recover().(string)
				require.True(t, ok, "not a text")
				require.Contains(t, text, want)
				require.Contains(t, text, "nil")
			}()
			construct()
		})
	}
}
