package commas_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/go-reconnect/reconnect/examples/internal/commas"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	assert.Equal(t, []string{"a:1", "b:2"}, commas.Split(" a:1,, b:2 ,"))
	assert.Empty(t, commas.Split(""))
	assert.Empty(t, commas.Split(" , "))
}
