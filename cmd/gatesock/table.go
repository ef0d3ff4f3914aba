package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// table says which table a command works on.
type table struct {
	Table     string `required:"" env:"GATESOCK_TABLE" help:"The DynamoDB table."`
	Namespace string `env:"GATESOCK_NAMESPACE" help:"The namespace in the table, if the application has one."`
	Region    string `help:"The AWS region. Default: that of the AWS configuration."`
	Profile   string `help:"The profile of the AWS configuration."`
	DynamoDB  string `name:"dynamodb" placeholder:"URL" help:"Where DynamoDB Local is, as in http://127.0.0.1:8000, instead of AWS."`
}

// client gives DynamoDB as the machine's AWS configuration has it; or DynamoDB Local, which wants some region and some
// credentials, whichever they are.
func (t *table) client(ctx context.Context) (*dynamodb.Client, error) {
	if t.DynamoDB != "" {
		region := t.Region
		if region == "" {
			region = "us-east-1"
		}
		return dynamodb.New(dynamodb.Options{
			BaseEndpoint: &t.DynamoDB, Region: region, Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}), nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(t.Region), config.WithSharedConfigProfile(t.Profile))
	if err != nil {
		return nil, fmt.Errorf("the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, fmt.Errorf("no AWS region: use --region, or set AWS_REGION")
	}
	return dynamodb.NewFromConfig(cfg), nil
}
