package iot_test

import (
	"testing"

	"github.com/gatesock/gatesock/internal/dynamotest"
)

func TestMain(m *testing.M) { dynamotest.Main(m) }
