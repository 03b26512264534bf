package main

import (
	"testing"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m) }
