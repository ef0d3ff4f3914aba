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
		net := memnet.Serve(t, emulator.Config{}, func(api gatesock.ConnectionsAPI) (lambda.Handler, error) {
			return newApp(api).handler(), nil
		})
		ctx, stop := context.WithTimeout(t.Context(), time.Hour)
		defer stop()
		var out strings.Builder
		demo(ctx, &out, func() *client.Client { return net.Connect("") })
		require.Equal(t, steptest.Output(t, "step2"), out.String())
	})
}
