package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"

	"github.com/gatesock/gatesock/dynamo"
)

// table selects the table that a command works on.
type table struct {
	Table     string   `required:"" env:"GATESOCK_TABLE" help:"The DynamoDB table."`
	Namespace string   `env:"GATESOCK_NAMESPACE" help:"The application's namespace in the table, if it uses one."`
	Region    string   `help:"The AWS region. Default: the region of the AWS configuration."`
	Profile   string   `help:"A profile of the AWS configuration."`
	DynamoDB  endpoint `name:"dynamodb" placeholder:"URL" help:"The address of DynamoDB Local, such as http://127.0.0.1:8000, to use instead of AWS. Requests are signed with the credentials of the AWS configuration, or with the access key local if it has none."`
}

// endpoint is the address of DynamoDB Local.
type endpoint string

// UnmarshalText returns an error unless the text is the address of a server.
func (e *endpoint) UnmarshalText(text []byte) error {
	u, err := url.Parse(string(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return fmt.Errorf("%q is not an address like http://127.0.0.1:8000", text)
	}
	*e = endpoint(text)
	return nil
}

// localRegion and localKey are what DynamoDB Local gets if the AWS configuration has nothing;
// localKey is the secret too.
const (
	localRegion = "us-east-1"
	localKey    = "local"
)

// client returns a client for DynamoDB on AWS or for DynamoDB Local, whose errors are
// [tableError]s.
func (t *table) client(ctx context.Context) (*dynamodb.Client, error) {
	cfg, err := t.load(ctx)
	if err != nil {
		return nil, err
	}
	key, err := retrieve(ctx, cfg)
	if err != nil {
		return nil, err
	}
	at := place{table: t.Table, region: cfg.Region, accessKey: key.AccessKeyID}
	client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		if t.DynamoDB != "" {
			o.BaseEndpoint = aws.String(string(t.DynamoDB))
		}
		at.endpoint = aws.ToString(o.BaseEndpoint)
		o.Logger = logging.Nop{} // drops warnings, such as those about checksums of DynamoDB Local
		o.APIOptions = append(o.APIOptions, at.locate)
	})
	return client, nil
}

// open returns the table, or the namespace in it.
func (t *table) open(ctx context.Context) (*dynamo.DB, error) {
	if err := dynamo.ValidateNamespace(t.Namespace); err != nil {
		return nil, misuse{fmt.Errorf("--namespace: %w", err)}
	}
	client, err := t.client(ctx)
	if err != nil {
		return nil, err
	}
	return dynamo.Open(client, t.Table, dynamo.WithNamespace(t.Namespace)), nil
}

// load loads the AWS configuration, and fills in what DynamoDB Local does not need.
func (t *table) load(ctx context.Context) (aws.Config, error) {
	if t.Table == "" {
		return aws.Config{}, misuse{errors.New("--table is empty")}
	}
	return loadConfig(ctx, t.Region, t.Profile, t.DynamoDB != "")
}

// retrieve returns the credentials of a configuration.
func retrieve(ctx context.Context, cfg aws.Config) (aws.Credentials, error) {
	key, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf(
			"no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose a profile that has some "+
				"with --profile: %w",
			err,
		)
	}
	return key, nil
}

// loadConfig loads the AWS configuration, for a server on this machine or for AWS.
func loadConfig(ctx context.Context, region, profile string, local bool) (aws.Config, error) {
	if region != "" && !regexp.MustCompile(`^[A-Za-z0-9-]+$`).MatchString(region) {
		return aws.Config{}, misuse{fmt.Errorf("--region: %q is not a region like eu-central-1", region)}
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region), config.WithSharedConfigProfile(profile))
	if err != nil {
		return aws.Config{}, fmt.Errorf("the AWS configuration: %w", err)
	}
	if cfg.Region == "" && local {
		cfg.Region = localRegion
	}
	if cfg.Region == "" {
		return aws.Config{}, errors.New("no AWS region: use --region, or set AWS_REGION")
	}
	// The SDK falls back to the role of the machine if the configuration names no other
	// credentials.
	if local && aws.IsCredentialsProvider(cfg.Credentials, (*ec2rolecreds.Provider)(nil)) {
		cfg.Credentials = credentials.NewStaticCredentialsProvider(localKey, localKey, "")
	}
	return cfg, nil
}

// place is where a command looks for its table.
type place struct{ table, region, endpoint, accessKey string }

// locate turns the errors of a client into [tableError]s.
func (p place) locate(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("gatesock.locate", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleInitialize(ctx, in)
		if err != nil {
			err = &tableError{p, err}
		}
		return out, metadata, err
	}), middleware.Before)
}
