package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
)

// testCredentials are as long as those that Lambda has in its environment, where there is always a token.
func testCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", strings.Repeat("token", 160))
}

// openSDKDefaults has everything as aws-sdk-go-v2/config would make it, but for the certificate that is trusted.
func openSDKDefaults(o clientOrder, m *members) (fanout, error) {
	return openSDK(o, m, func(*http.Transport) {})
}

func openSDKTuned(o clientOrder, m *members) (fanout, error) {
	return openSDK(o, m, func(t *http.Transport) {
		t.MaxConnsPerHost = o.Concurrency
		t.MaxIdleConnsPerHost = o.Concurrency
		t.MaxIdleConns = o.Concurrency
	})
}

func openSDK(o clientOrder, m *members, tune func(*http.Transport)) (fanout, error) {
	roots, err := parseRoots(o.Roots)
	if err != nil {
		return nil, err
	}
	client := api.NewFromConfig(aws.Config{
		Region:      region,
		Credentials: aws.NewCredentialsCache(testCredentials()),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(tune, func(t *http.Transport) {
			t.TLSClientConfig.RootCAs = roots
		}),
	}, func(options *api.Options) { options.BaseEndpoint = aws.String(o.Endpoint) })
	return func(ctx context.Context, group string) error {
		data, err := message(group, o.Payload)
		if err != nil {
			return err
		}
		return eachInGoroutine(m.ids[group], o.Concurrency, func(id string) error {
			_, err := client.PostToConnection(ctx, &api.PostToConnectionInput{ConnectionId: aws.String(id), Data: data})
			return err
		})
	}, nil
}
