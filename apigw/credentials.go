package apigw

import (
	"context"
	"errors"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatesock/gatesock/internal/sigv4"
)

// EnvironmentCredentials gives the credentials that Lambda puts in the environment: AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and, unless the keys are permanent ones, AWS_SESSION_TOKEN (AWS Lambda Developer Guide, "Using
// Lambda environment variables"). They are read whenever they are asked for. With them a function that does nothing
// else with AWS does without the SDK's config package, its start-up time and its size.
func EnvironmentCredentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{
			AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
			SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
			Source:          "environment",
		}
		if !c.HasKeys() {
			return aws.Credentials{}, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
		}
		return c, nil
	})
}

// retrieve asks a provider in the terms of the signer.
func retrieve(p aws.CredentialsProvider) func(context.Context) (sigv4.Credentials, error) {
	return func(ctx context.Context) (sigv4.Credentials, error) {
		c, err := p.Retrieve(ctx)
		return sigv4.Credentials{
			AccessKeyID:     c.AccessKeyID,
			SecretAccessKey: c.SecretAccessKey,
			SessionToken:    c.SessionToken,
		}, err
	}
}
