package emulator

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"
)

// sdkClient returns the SDK's client for a gateway.
func sdkClient(t *testing.T, endpoint string) *apigatewaymanagementapi.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return apigatewaymanagementapi.New(apigatewaymanagementapi.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      aws.NopRetryer{},
	})
}

// errorAs checks that err is of type E.
func errorAs[E error](t *testing.T, err error) {
	t.Helper()
	var e E
	require.ErrorAs(t, err, &e)
}

func TestSDKCalls(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"stage":                 {Stage: "dev"},
		"custom domain":         {CustomDomain: true},
		"custom domain mapping": {CustomDomain: true, BasePath: "api/v1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			w := newWorld(t, inMemory{}, cfg, nil)
			server := httptest.NewServer(w.gw)
			t.Cleanup(server.Close)
			client := sdkClient(t, server.URL+w.gw.BasePath())
			p := w.connectAs(Handshake{Header: http.Header{"User-Agent": {"test/1"}}})
			id := aws.String(p.id)

			_, err := client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{
				ConnectionId: id,
				Data:         []byte("hello"),
			})
			require.NoError(t, err)
			require.Equal(t, "hello", w.frame(p))

			info, err := client.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: id})
			require.NoError(t, err)
			require.Equal(t, start().Add(-time.Millisecond), info.ConnectedAt.UTC())
			require.Equal(t, start(), info.LastActiveAt.UTC())
			require.Equal(t, "test/1", *info.Identity.UserAgent)
			require.Equal(t, "127.0.0.1", *info.Identity.SourceIp)

			_, err = client.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: id})
			require.NoError(t, err)
			require.Equal(t, 1000, w.end(p).Code)

			_, err = client.GetConnection(ctx, &apigatewaymanagementapi.GetConnectionInput{ConnectionId: id})
			errorAs[*types.GoneException](t, err)
			_, err = client.DeleteConnection(ctx, &apigatewaymanagementapi.DeleteConnectionInput{ConnectionId: id})
			errorAs[*types.GoneException](t, err)
		})
	}
}

func TestSDKErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, inMemory{}, Config{Rate: 4, Burst: 4}, nil)
	server := httptest.NewServer(w.gw)
	t.Cleanup(server.Close)
	p := w.connect()
	post := func(endpoint, id, data string) error {
		_, err := sdkClient(t, endpoint).PostToConnection(context.Background(),
			&apigatewaymanagementapi.PostToConnectionInput{ConnectionId: aws.String(id), Data: []byte(data)})
		return err
	}
	code := func(err error) string {
		var api smithy.APIError
		require.True(t, errors.As(err, &api), "%v", err)
		return api.ErrorCode()
	}
	errorAs[*types.GoneException](t, post(server.URL+"/local", wellFormed, "x"))
	require.Equal(t, "BadRequestException", code(post(server.URL+"/local", "nope", "x")))
	errorAs[*types.ForbiddenException](t, post(server.URL, p.id, "x"))
	require.Equal(t, "NotFoundException", code(post(server.URL+"/local/more", p.id, "x")))

	err := post(server.URL+"/local", p.id, strings.Repeat("x", 128*kb+1))
	errorAs[*types.PayloadTooLargeException](t, err)
	require.Contains(t, err.Error(), "Payload is larger")

	require.NoError(t, post(server.URL+"/local", p.id, "x"))
	errorAs[*types.LimitExceededException](t, post(server.URL+"/local", p.id, "x"))
}
