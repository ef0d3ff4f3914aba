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

// testCredentials returns credentials with a session token, as long as those in Lambda's
// environment.
func testCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", strings.Repeat("token", 160))
}

// openSDKDefaults uses the defaults of aws-sdk-go-v2/config, except for the trusted certificate.
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
