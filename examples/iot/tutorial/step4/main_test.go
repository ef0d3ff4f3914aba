package main

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/emulator"
	"github.com/gatesock/gatesock/examples/internal/memnet"
	"github.com/gatesock/gatesock/examples/iot/tutorial/internal/steptest"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a *app
		net := memnet.Serve(t, emulator.Config{}, func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
			a = newApp(api)
			return a.handler(), nil
		})
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		var out strings.Builder
		demo(ctx, &out, a, func(key string) *client.Client { return net.Connect("", withKey(key)) })
		require.Equal(t, steptest.Output(t, "step4"), out.String())
	})
}
