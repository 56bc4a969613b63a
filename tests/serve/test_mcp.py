"""Our MCP server with the official client, over standard input and output and over HTTP."""

import json
import os
import sys

import anyio
import pytest

from anatili import __version__

mcp = pytest.importorskip("mcp")
from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402

TOOLS = {"search", "ask", "identify", "extract"}
PAGE = (
    f"<html><title>Абай</title><body><nav>Басты бет</nav><article><p>{'Абай — қазақтың ұлы ақыны. ' * 20}</p></article>"
)


async def use(read, write) -> None:
    async with mcp.ClientSession(read, write) as session:
        about = (await session.initialize()).serverInfo
        assert (about.name, about.version) == ("anatili", __version__)
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(tools) >= TOOLS
        assert all(len(tool.description) > 60 for tool in tools.values())

        async def call(name: str, **arguments):
            result = await session.call_tool(name, arguments)
            assert not result.isError, result.content
            return result.structuredContent

        hits = (await call("search", query="Алтын адам қайдан табылды?", limit=3))["result"]
        assert hits[0]["title"] == "Алтын адам"
        assert hits[0]["url"]
        assert hits[0]["license"]
        answer = await call("ask", question="Алтын адам қайдан табылды?")
        cited = answer["citations"][0]
        assert cited["quote"] in answer["passages"][cited["number"] - 1]["text"]
        assert (await call("identify", text="Қазақ тілі — мемлекеттік тіл."))["language"] == "kk"
        page = await call("extract", html=PAGE)
        assert page["title"] == "Абай"
        assert "Басты бет" not in page["text"]
        if "translate" in tools:
            translated = await call("translate", text="Менің атым Айгүл.", target="en")
            assert translated["source"] == "kk"
        wrong = await session.call_tool("search", {"query": ""})
        assert wrong.isError
        assert "Traceback" not in json.dumps([part.text for part in wrong.content])


def test_an_agent_uses_the_tools_over_standard_input_and_output():
    async def run() -> None:
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "anatili", "mcp", "kazakh-26m"], env=dict(os.environ)
        )
        async with stdio_client(command) as (read, write):
            await use(read, write)

    anyio.run(run)


def test_an_agent_uses_the_tools_over_http(llama_address):
    async def run() -> None:
        async with streamable_http_client(f"{llama_address}/mcp") as (read, write, _):
            await use(read, write)

    anyio.run(run)
