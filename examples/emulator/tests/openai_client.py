"""OpenAI's client against the emulator: BASE_URL MODEL STREAM_ID, the key in OPENAI_API_KEY.

Prints what it was told as one JSON object.
"""

import json
import sys

import openai


def question(stream_id, query):
    url = f"ovs://streams/{stream_id}?{query}"
    return [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": url}},
            ],
        },
    ]


def main():
    base_url, model, stream_id = sys.argv[1:]
    client = openai.OpenAI(base_url=base_url, max_retries=0, timeout=20)
    told = {"models": [listed.id for listed in client.models.list()]}

    newest = question(stream_id, "frame_index=-1")
    answer = client.chat.completions.create(model=model, messages=newest)
    told["content"] = answer.choices[0].message.content
    told["role"] = answer.choices[0].message.role
    told["finish_reason"] = answer.choices[0].finish_reason
    told["total_tokens"] = answer.usage.total_tokens

    told["pieces"] = []
    chunks = client.chat.completions.create(
        model=model,
        messages=newest,
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in chunks:
        if chunk.usage:
            told["streamed_total_tokens"] = chunk.usage.total_tokens
        if chunk.choices and chunk.choices[0].delta.content:
            told["pieces"].append(chunk.choices[0].delta.content)

    try:
        client.chat.completions.create(
            model=model, messages=question(stream_id, "frame_index=99")
        )
    except openai.APIStatusError as error:
        told["refused"] = error.status_code
        told["refused_code"] = error.body["detail"]["error"]["code"]
    json.dump(told, sys.stdout)


main()
