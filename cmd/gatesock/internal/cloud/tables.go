package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/internal/dynamolocal"
)

// noDynamo returns why there is no DynamoDB Local, for the log of a function.
func (c *Cloud) noDynamo() string {
	if len(c.cfg.Project.Tables) == 0 {
		return "the project declares no table"
	}
	return "DynamoDB Local did not start, as gatesock dev has said"
}

// connectDynamo makes the tables in DynamoDB Local, and leads requests there.
func (c *Cloud) connectDynamo(ctx context.Context) error {
	if c.cfg.Dynamo == "" {
		for _, t := range c.cfg.Project.Tables {
			c.notice("the table " + t.Name + " is not there: DynamoDB Local does not run")
		}
		return nil
	}
	address, err := url.Parse(c.cfg.Dynamo)
	if err != nil {
		return fmt.Errorf("cloud: the address of DynamoDB Local: %w", err)
	}
	c.transport = new(http.Transport)
	c.tables = dynamodb.New(dynamodb.Options{
		BaseEndpoint: &c.cfg.Dynamo, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("gatesock", "gatesock", ""),
		HTTPClient:  &http.Client{Transport: c.transport},
	})
	c.dynamo = &httputil.ReverseProxy{
		Transport: c.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(address)
			r.Out.URL.RawQuery = ""
			r.Out.Header.Set("Authorization", dynamolocal.Authorization)
			r.Out.Header.Del("X-Amz-Security-Token")
		},
		ModifyResponse: sum,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.Header().Set("X-Amzn-Errortype", "InternalServerError")
			w.WriteHeader(http.StatusInternalServerError)
			writeJSON(w, map[string]string{"__type": "InternalServerError", "message": "DynamoDB Local: " + err.Error()})
		},
	}
	for _, t := range c.cfg.Project.Tables {
		if err := c.createTable(ctx, t); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("cloud: the table %s: %w", t.Name, err)
			}
			c.notice("the table " + t.Name + ": " + err.Error())
		}
	}
	return nil
}

// sum sets the checksum of the body of an answer. The SDK for Go warns about an answer without one,
// and that of DynamoDB Local is not always right.
func sum(r *http.Response) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_ = r.Body.Close()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	return nil
}

// createTable makes a table that is not there, and compares one that is.
func (c *Cloud) createTable(ctx context.Context, t project.Table) error {
	_, err := c.tables.CreateTable(ctx, t.Create)
	var exists *types.ResourceInUseException
	switch {
	case errors.As(err, &exists):
		if err := c.compareTable(ctx, t); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if t.TTL == "" {
		return nil
	}
	known, err := c.tables.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &t.Name})
	if err == nil && known.TimeToLiveDescription.AttributeName != nil {
		return nil
	}
	_, err = c.tables.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &t.Name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &t.TTL, Enabled: aws.Bool(true)},
	})
	return err
}

// compareTable names what a table of an earlier run has in another way, and adds a stream if it
// has none.
func (c *Cloud) compareTable(ctx context.Context, t project.Table) error {
	out, err := c.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &t.Name})
	if err != nil {
		return err
	}
	if have, want := keyText(out.Table.KeySchema), keyText(t.Create.KeySchema); have != want {
		return fmt.Errorf("it is there from an earlier run with the key %s, not %s: delete it, or the folder of the tables", have, want)
	}
	for _, index := range t.Create.GlobalSecondaryIndexes {
		same := slices.ContainsFunc(out.Table.GlobalSecondaryIndexes, func(d types.GlobalSecondaryIndexDescription) bool {
			return *d.IndexName == *index.IndexName && keyText(d.KeySchema) == keyText(index.KeySchema)
		})
		if !same {
			return fmt.Errorf("it is there from an earlier run without the index %s: delete it, or the folder of the tables", *index.IndexName)
		}
	}
	stream := t.Create.StreamSpecification
	if stream == nil || out.Table.StreamSpecification != nil {
		return nil
	}
	_, err = c.tables.UpdateTable(ctx, &dynamodb.UpdateTableInput{TableName: &t.Name, StreamSpecification: stream})
	return err
}

// keyText returns a key as text, such as "pk HASH, sk RANGE".
func keyText(schema []types.KeySchemaElement) string {
	parts := make([]string, len(schema))
	for i, element := range schema {
		parts[i] = aws.ToString(element.AttributeName) + " " + string(element.KeyType)
	}
	return strings.Join(parts, ", ")
}
